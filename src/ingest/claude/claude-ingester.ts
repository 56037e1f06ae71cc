/** Claude Code: `projects/<folder>/<session>.jsonl`, and its sub-agents below `<session>/subagents`. */
import { basename } from "node:path";
import { discoverFiles } from "../discover.ts";
import type { Ingester } from "../ingester.ts";
import { readClaudeLine } from "./claude-line.ts";

export const claudeIngester: Ingester = {
  agent: "claude",
  marker: '"usage"',
  discover: (root, onUnreadable) => discoverFiles(root, ".jsonl", onUnreadable),
  lineReader: ({ path }) => {
    const parts = path.split("/");
    const subagents = parts.lastIndexOf("subagents");
    const sessionAt = subagents > 0 ? subagents - 1 : parts.length - 1;
    const file = {
      path,
      fileSessionId: basename(parts[sessionAt] ?? path, ".jsonl"),
      folder: parts[sessionAt - 1] ?? "",
    };
    return (line, offset) => readClaudeLine(line, file, offset);
  },
};

/** Claude Code: `projects/<folder>/<session>.jsonl`, and its sub-agents below `<session>/subagents`. */
import { basename } from "node:path";
import { plainPath } from "../compressed-file.ts";
import { discoverLineFiles } from "../discover.ts";
import type { Ingester } from "../ingester.ts";
import { lineIngester } from "../line-format.ts";
import { ClaudeSkim } from "./claude-skim.ts";
import { readClaudeLine } from "./claude-line.ts";

export const claudeIngester: Ingester = lineIngester({
  agent: "claude",
  markers: ['"usage"'],
  discover: discoverLineFiles,
  lineReader: ({ path }) => {
    const parts = plainPath(path).split("/");
    const subagents = parts.lastIndexOf("subagents");
    const sessionAt = subagents > 0 ? subagents - 1 : parts.length - 1;
    const file = {
      path,
      fileSessionId: basename(parts[sessionAt] ?? path, ".jsonl"),
      folder: parts[sessionAt - 1] ?? "",
    };
    const skim = new ClaudeSkim();
    return {
      read: (line, offset) => readClaudeLine(line, file, offset),
      skim: (bytes) => skim.read(bytes),
    };
  },
});

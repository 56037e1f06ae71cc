/**
 * Gemini CLI: `tmp/<project>/chats/session-*`, sub-agents below `chats/<session>`. First one JSON document a session,
 * written anew with every message; later lines, which repeat a message when it changes.
 */
import { discoverFiles, entriesOf, LINE_ENDINGS } from "../discover.ts";
import type { Ingester } from "../ingester.ts";
import { type LineFormat, lineIngester } from "../line-format.ts";
import { GeminiDocumentReader } from "./gemini-document.ts";
import { GeminiReader, projectOf } from "./gemini-reader.ts";

const format: LineFormat = {
  agent: "gemini",
  markers: ['"tokens"', '"sessionId"'],
  discover: (root, onUnreadable) =>
    entriesOf(root, onUnreadable)
      .filter((entry) => entry.isDirectory())
      .flatMap(({ name }) =>
        discoverFiles(`${root}/${name}/chats`, {
          endings: [...LINE_ENDINGS, ".json"],
          onUnreadable,
        }),
      ),
  lineReader: ({ path }, state) => new GeminiReader(projectOf(path), state),
};

const lines = lineIngester(format);

export const geminiIngester: Ingester = {
  ...lines,
  open: (file, options) =>
    file.path.endsWith(".json") ? new GeminiDocumentReader(file) : lines.open(file, options),
};

import { describe, expect, it } from "bun:test";
import { closeSync, openSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { createLineBuffer, readLines } from "../../src/ingest/line-reader.ts";
import { tempFolder } from "../support/temp-folder.ts";

interface ReadLine {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly isComplete: boolean;
  readonly isOversized: boolean;
}

function linesOf(
  path: string,
  { from = 0, bufferBytes = 16, maxLineBytes = 1 << 20 } = {},
): ReadLine[] {
  const descriptor = openSync(path, "r");
  try {
    const memory = { bytes: Buffer.alloc(bufferBytes, 10) };
    const lines: ReadLine[] = [];
    // The bytes are valid only until the next line is asked for.
    for (const { bytes, ...line } of readLines(descriptor, from, memory, maxLineBytes)) {
      lines.push({ text: bytes.toString("utf8"), ...line });
    }
    return lines;
  } finally {
    closeSync(descriptor);
  }
}

describe("readLines()", () => {
  it("gives lines with their offsets, CRLF and blank lines included, and the rest as incomplete", () => {
    using folder = tempFolder();
    writeFileSync(folder.at("f"), "one\r\n\ntwö\nrest");
    expect(linesOf(folder.at("f"))).toEqual([
      { text: "one", start: 0, end: 5, isComplete: true, isOversized: false },
      { text: "", start: 5, end: 6, isComplete: true, isOversized: false },
      { text: "twö", start: 6, end: 11, isComplete: true, isOversized: false },
      { text: "rest", start: 11, end: 15, isComplete: false, isOversized: false },
    ]);
    expect(linesOf(folder.at("f"), { from: 6 }).map(({ text }) => text)).toEqual(["twö", "rest"]);
  });

  it("gives nothing for an empty file and for an offset at the end", () => {
    using folder = tempFolder();
    writeFileSync(folder.at("f"), "");
    expect(linesOf(folder.at("f"))).toEqual([]);
    writeFileSync(folder.at("f"), "a\n");
    expect(linesOf(folder.at("f"), { from: 2 })).toEqual([]);
  });

  it("passes over a line beyond the limit, whatever its length, and goes on after it", () => {
    using folder = tempFolder();
    for (const length of [101, 128, 1000, 5000]) {
      writeFileSync(folder.at("f"), `a\n${"x".repeat(length)}\nb\n`);
      const lines = linesOf(folder.at("f"), { maxLineBytes: 100 });
      expect(lines.map(({ text, isOversized }) => (isOversized ? "big" : text))).toEqual([
        "a",
        "big",
        "b",
      ]);
      expect(lines[2]).toMatchObject({ start: 2 + length + 1, end: 2 + length + 3 });
      writeFileSync(folder.at("f"), `a\n${"x".repeat(length)}`);
      expect(linesOf(folder.at("f"), { maxLineBytes: 100 })[1]).toMatchObject({
        isComplete: false,
        isOversized: true,
        start: 2,
      });
    }
  });

  it("does not take what an earlier file left in the buffer for lines", () => {
    using folder = tempFolder();
    const memory = createLineBuffer();
    memory.bytes.fill(10);
    writeFileSync(folder.at("f"), "abc");
    const descriptor = openSync(folder.at("f"), "r");
    const lines = [...readLines(descriptor, 0, memory)].map(({ bytes }) => bytes.toString());
    closeSync(descriptor);
    expect(lines).toEqual(["abc"]);
  });

  it("loses no byte, whatever the lines and the buffer", () => {
    using folder = tempFolder();
    const text = fc
      .array(fc.constantFrom("a", "é", "\n", "\r\n", "日", "\r", "xyz"), { maxLength: 60 })
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 64 }), (content, bufferBytes) => {
        writeFileSync(folder.at("f"), content);
        const bytes = Buffer.from(content);
        const lines = linesOf(folder.at("f"), { bufferBytes });
        expect(
          lines.map(({ start, end }) => bytes.subarray(start, end).toString("utf8")).join(""),
        ).toBe(content);
        const pieces = content.split("\n");
        if (pieces.at(-1) === "") pieces.pop();
        expect(lines.map((line) => line.text)).toEqual(
          pieces.map((piece, index) =>
            index < lines.length - 1 || content.endsWith("\n") || piece.endsWith("\r")
              ? piece.replace(/\r$/, "")
              : piece,
          ),
        );
      }),
      { numRuns: 150 },
    );
  });
});

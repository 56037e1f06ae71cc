/**
 * What the side process runs: a text of its own, because nothing else is at hand everywhere. A file beside this one is
 * gone in a compiled program and in a bundle, and its imports with it; a text travels in whatever this module does.
 * It knows three words and nothing of usagedb; what they are for stands where they are asked.
 */
export const SIDE_PROGRAM = `
import { Database } from "bun:sqlite";
import { closeSync, openSync, readSync, writeSync } from "node:fs";

// Written at once and whole: a pipe takes a long line in pieces, and the event loop never runs while SQLite does.
const say = (answer) => {
  const bytes = Buffer.from(JSON.stringify(answer) + "\\n");
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
      Bun.sleepSync(1);
    }
  }
};
const words = {
  sql({ path, isReader, busyTimeoutMs, statements }) {
    const database = new Database(path, isReader ? { readonly: true } : { readwrite: true, create: false });
    try {
      database.run("PRAGMA busy_timeout = " + busyTimeoutMs);
      database.run("PRAGMA trusted_schema = OFF");
      return statements.map(({ sql, values = [] }, index) => {
        const statement = database.prepare(sql);
        try {
          const rows = statement.values(...values);
          say({ progress: { done: index + 1, total: statements.length } });
          return rows;
        } finally {
          statement.finalize();
        }
      });
    } finally {
      database.close(true);
    }
  },
  counts({ path, isReader, busyTimeoutMs }) {
    const name = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\\\_%' ESCAPE '\\\\' ORDER BY name";
    const [tables] = words.sql({ path, isReader, busyTimeoutMs, statements: [{ sql: name }] });
    const statements = tables.map(([table]) => ({ sql: 'SELECT count(*) FROM "' + table.replaceAll('"', '""') + '"' }));
    const counts = words.sql({ path, isReader, busyTimeoutMs, statements });
    return Object.fromEntries(tables.map(([table], index) => [table, counts[index][0][0]]));
  },
  hash({ path }) {
    const hasher = new Bun.CryptoHasher("sha256");
    const chunk = Buffer.allocUnsafe(1 << 20);
    const descriptor = openSync(path, "r");
    try {
      for (let count = readSync(descriptor, chunk); count > 0; count = readSync(descriptor, chunk))
        hasher.update(chunk.subarray(0, count));
    } finally {
      closeSync(descriptor);
    }
    return hasher.digest("hex");
  },
};

let rest = "";
const decoder = new TextDecoder();
for await (const piece of Bun.stdin.stream()) {
  const lines = (rest + decoder.decode(piece, { stream: true })).split("\\n");
  rest = lines.pop();
  for (const line of lines) {
    try {
      const { word, request } = JSON.parse(line);
      say({ answer: words[word](request) });
    } catch (error) {
      const { name, message, code, errno, syscall } = error;
      say({ error: { name, message, code, errno, syscall } });
    }
  }
}
`;

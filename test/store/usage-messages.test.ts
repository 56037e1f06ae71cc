import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import type { NewUsageMessage, UsageDb } from "../../src/index.ts";
import { HOUR_MS } from "../../src/store/token-counts.ts";
import { verifyRollups } from "../../src/report/verify.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";
import { message } from "../support/usage-message.ts";

function record(
  db: UsageDb,
  ...messages: readonly NewUsageMessage[]
): ReturnType<UsageDb["messages"]["record"]> {
  for (const { session_id } of messages) db.sessions.ensure(session_id);
  return db.messages.record(messages);
}

/** What the hours should say, computed from the messages. */
const ROLLUPS_FROM_MESSAGES = `SELECT timestamp - timestamp % ${HOUR_MS}, project, model, agent, count(*), sum(input_tokens), sum(output_tokens),
  sum(cache_write_5m_tokens), sum(cache_write_1h_tokens), sum(cache_read_tokens)
  FROM usage_messages GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`;
const ROLLUPS = `SELECT hour, project, model, agent, message_count, input_tokens, output_tokens,
  cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens
  FROM usage_rollups ORDER BY 1, 2, 3, 4`;

function expectHoursToMatch(db: UsageDb): void {
  expect(db.connection.readOnce(ROLLUPS)).toEqual(db.connection.readOnce(ROLLUPS_FROM_MESSAGES));
}

const FIGURES = `SELECT message_id, request_id, model, timestamp, is_sidechain, input_tokens, output_tokens
  FROM usage_messages ORDER BY message_id, request_id`;

describe("messages.record()", () => {
  it("keeps the line with the largest total of one response, in one batch or in several", () => {
    for (const isOneBatch of [true, false]) {
      using clocked = clockedDb();
      const lines = [3, 7, 5].map((output_tokens, i) =>
        message({ output_tokens, timestamp: NOON + i }),
      );
      if (isOneBatch) record(clocked.db, ...lines);
      else for (const line of lines) record(clocked.db, line);
      expect(clocked.db.messages.bySession("s1")).toMatchObject([
        { output_tokens: 7, timestamp: NOON + 1 },
      ]);
      expectHoursToMatch(clocked.db);
    }
  });

  it("says what it did", () => {
    using clocked = clockedDb();
    expect(record(clocked.db, message(), message())).toEqual({
      inserted: 1,
      updated: 0,
      unchanged: 1,
      replays: 0,
    });
    expect(record(clocked.db, message({ output_tokens: 9 }))).toEqual({
      inserted: 0,
      updated: 1,
      unchanged: 0,
      replays: 0,
    });
    expect(record(clocked.db, message({ is_sidechain: 1, request_id: "other" }))).toEqual({
      inserted: 0,
      updated: 0,
      unchanged: 0,
      replays: 1,
    });
    expect(record(clocked.db, message({ message_id: "msg_2" }))).toEqual({
      inserted: 1,
      updated: 0,
      unchanged: 0,
      replays: 0,
    });
  });

  it("leaves a resumed session's copies with the session that had them first", () => {
    using clocked = clockedDb();
    record(clocked.db, message());
    record(clocked.db, message({ session_id: "s2", project: "/elsewhere", output_tokens: 50 }));
    expect(clocked.db.messages.bySession("s1")).toMatchObject([
      { output_tokens: 50, project: "/p" },
    ]);
    expect(clocked.db.messages.bySession("s2")).toEqual([]);
    expectHoursToMatch(clocked.db);
  });

  it("leaves them there too when both come in one batch", () => {
    using clocked = clockedDb();
    const copy = message({ session_id: "s2", project: "/elsewhere", output_tokens: 50 });
    record(clocked.db, message(), copy);
    expect(clocked.db.messages.bySession("s1")).toMatchObject([
      { output_tokens: 50, project: "/p" },
    ]);
    expectHoursToMatch(clocked.db);
  });

  it("takes a message without a request by its own id, across sessions", () => {
    using clocked = clockedDb();
    record(
      clocked.db,
      message({ request_id: "" }),
      message({ request_id: "", session_id: "s2", output_tokens: 6 }),
    );
    expect(clocked.db.messages.count()).toBe(1);
  });

  it("counts a message once whose lines name its request and don't, whichever comes first", () => {
    const named = message({ output_tokens: 5 });
    const unnamed = message({ request_id: "", output_tokens: 5 });
    for (const order of [
      [named, unnamed],
      [unnamed, named],
    ]) {
      using clocked = clockedDb();
      for (const line of order) record(clocked.db, line);
      expect(clocked.db.messages.bySession("s1")).toMatchObject([{ request_id: "req_1" }]);
      expectHoursToMatch(clocked.db);
    }
  });

  it("drops a sidechain's replay of the main chain, whichever comes first", () => {
    const main = message();
    const replay = message({ is_sidechain: 1, request_id: "req_2", output_tokens: 500 });
    for (const order of [
      [main, replay],
      [replay, main],
    ]) {
      using clocked = clockedDb();
      for (const line of order) record(clocked.db, line);
      expect(clocked.db.messages.bySession("s1")).toMatchObject([
        { request_id: "req_1", output_tokens: 5 },
      ]);
      expectHoursToMatch(clocked.db);
    }
  });

  it("counts a sidechain's own messages", () => {
    using clocked = clockedDb();
    record(clocked.db, message(), message({ message_id: "msg_2", is_sidechain: 1 }));
    expect(clocked.db.messages.count()).toBe(2);
  });

  it("prefers the main chain's line of the same response to a larger one of a sidechain", () => {
    const main = message({ output_tokens: 5 });
    const side = message({ output_tokens: 50, is_sidechain: 1 });
    for (const order of [
      [main, side],
      [side, main],
    ]) {
      using clocked = clockedDb();
      record(clocked.db, ...order);
      expect(clocked.db.messages.bySession("s1")).toMatchObject([
        { output_tokens: 5, is_sidechain: 0 },
      ]);
    }
  });

  it("moves a message to the hour and model of its better line", () => {
    using clocked = clockedDb();
    record(clocked.db, message({ timestamp: NOON + HOUR_MS - 1 }));
    record(clocked.db, message({ timestamp: NOON + HOUR_MS, model: "sonnet", output_tokens: 6 }));
    expect(
      clocked.db.connection.readOnce(
        "SELECT hour, model, message_count, output_tokens FROM usage_rollups",
      ),
    ).toEqual([[NOON + HOUR_MS, "sonnet", 1, 6]]);
  });

  it("keeps a reported cost that only one of the lines has", () => {
    using clocked = clockedDb();
    record(clocked.db, message({ reported_cost_usd: 0.25 }));
    record(clocked.db, message({ output_tokens: 6 }));
    expect(clocked.db.messages.bySession("s1")).toMatchObject([{ reported_cost_usd: 0.25 }]);
    expect(clocked.db.connection.readOnce("SELECT reported_cost_usd FROM usage_rollups")).toEqual([
      [0.25],
    ]);
  });

  it("writes nothing when one message is impossible", () => {
    using clocked = clockedDb();
    expect(() =>
      record(clocked.db, message(), message({ message_id: "m2", input_tokens: -1 })),
    ).toThrow("CHECK");
    expect(clocked.db.messages.count()).toBe(0);
    expectHoursToMatch(clocked.db);
  });

  const line = fc.record({
    message_id: fc.constantFrom("a", "b", "c"),
    request_id: fc.constantFrom("", "r1", "r2"),
    session_id: fc.constantFrom("s1", "s2"),
    model: fc.constantFrom("opus", "sonnet"),
    timestamp: fc.integer({ min: NOON, max: NOON + 3 * HOUR_MS }),
    is_sidechain: fc.constantFrom(0 as const, 1 as const),
    output_tokens: fc.integer({ min: 0, max: 4 }),
  });

  it("comes to the same figures in any order, in any batches, and however often it is repeated", () => {
    fc.assert(
      fc.property(
        fc
          .array(line, { minLength: 1, maxLength: 12 })
          .chain((lines) =>
            fc.tuple(
              fc.constant(lines),
              fc.shuffledSubarray(lines, { minLength: lines.length }),
              fc.integer({ min: 1, max: 4 }),
            ),
          ),
        ([lines, shuffled, size]) => {
          // One time and model a figure: which of two equal lines stands for a message must not matter here.
          const rows = (some: typeof lines): NewUsageMessage[] =>
            some.map((fields) =>
              message({ ...fields, model: `m${fields.timestamp % 7}${fields.output_tokens}` }),
            );
          using first = clockedDb();
          record(first.db, ...rows(lines));
          using second = clockedDb();
          for (let i = 0; i < shuffled.length; i += size)
            record(second.db, ...rows(shuffled.slice(i, i + size)));
          record(second.db, ...rows(lines));
          expect(second.db.connection.readOnce(FIGURES.replace("model, ", ""))).toEqual(
            first.db.connection.readOnce(FIGURES.replace("model, ", "")),
          );
          expectHoursToMatch(first.db);
          expectHoursToMatch(second.db);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("the session of a message", () => {
  const copies = [
    message({ session_id: "young", project: "/young", output_tokens: 9 }),
    message({ session_id: "old", project: "/old" }),
  ];

  it.each([
    ["the older transcript is read last", copies],
    ["the older transcript is read first", copies.toReversed()],
  ])("is the one whose transcript was made first, when %s", (_, order) => {
    using clocked = clockedDb();
    const { db } = clocked;
    db.sessions.upsert({ session_id: "young", born_at: NOON });
    db.sessions.upsert({ session_id: "old", born_at: NOON - 1 });
    for (const one of order) db.messages.record([one]);
    expect(
      db.connection.readOnce("SELECT session_id, project, output_tokens FROM usage_messages"),
    ).toEqual([["old", "/old", 9]]);
    expect(verifyRollups(db)).toEqual([]);
  });

  it("stays where neither has a transcript, and moves to one that has", () => {
    using clocked = clockedDb();
    const { db } = clocked;
    const [young, old] = copies as [NewUsageMessage, NewUsageMessage];
    for (const one of [young, old]) db.sessions.ensure(one.session_id);
    db.messages.record([young]);
    expect(db.messages.recordMoving([old])).toMatchObject({ outcome: { unchanged: 1 } });
    expect(db.messages.bySession("young")).toHaveLength(1);
    db.sessions.upsert({ session_id: "old", born_at: NOON });
    const { outcome, movedFrom } = db.messages.recordMoving([old]);
    expect({ outcome, movedFrom: [...movedFrom] }).toEqual({
      outcome: { inserted: 0, updated: 1, unchanged: 0, replays: 0 },
      movedFrom: ["young"],
    });
  });

  it("keeps the earliest birth that was told", () => {
    using clocked = clockedDb();
    for (const born_at of [NOON, NOON - 5, null, NOON + 5])
      clocked.db.sessions.upsert({ session_id: "s", born_at });
    expect(clocked.db.sessions.get("s")?.born_at).toBe(NOON - 5);
  });
});

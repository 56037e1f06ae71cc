import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { learnPrices } from "../../src/ingest/price-catalogue.ts";
import { usageWithin } from "../../src/report/usage-within.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";
import { message } from "../support/usage-message.ts";

const PRICED = "claude-opus-4-6";

describe("usageWithin()", () => {
  it("counts each message on one side of every cut, wherever in an hour it lies", () => {
    using clocked = clockedDb();
    const { db } = clocked;
    learnPrices(db, [{ model: PRICED, agent: "claude" }]);
    const span = 8 * 3_600_000;
    db.messages.record(
      Array.from({ length: 60 }, (_, number) =>
        message({
          message_id: `m${number}`,
          model: PRICED,
          timestamp: NOON + Math.floor((number * span) / 60),
        }),
      ),
    );
    const within = (from: number, to: number): ReturnType<typeof usageWithin> =>
      usageWithin(db.connection, from, to);
    const whole = within(NOON, NOON + span);
    expect(whole).toMatchObject({ tokens: 60 * 21, isUnpriced: false });
    expect(whole.costUsd).toBeGreaterThan(0);
    fc.assert(
      fc.property(fc.nat(span), (at) => {
        const [left, right] = [within(NOON, NOON + at), within(NOON + at, NOON + span)];
        expect(left.tokens + right.tokens).toBe(whole.tokens);
        expect((left.costUsd ?? 0) + (right.costUsd ?? 0)).toBeCloseTo(whole.costUsd ?? 0, 12);
      }),
      { numRuns: 40 },
    );
  });

  it("never takes an unknown price for nothing", () => {
    using clocked = clockedDb();
    const { db } = clocked;
    learnPrices(db, [{ model: PRICED, agent: "claude" }]);
    const hour = 3_600_000;
    db.messages.record([
      message({ message_id: "a", model: "nobody-knows-1" }),
      message({ message_id: "b", model: PRICED, timestamp: NOON + hour }),
    ]);
    expect(usageWithin(db.connection, NOON, NOON + hour)).toEqual({
      tokens: 21,
      costUsd: null,
      isUnpriced: true,
    });
    expect(usageWithin(db.connection, NOON, NOON + 2 * hour)).toMatchObject({
      tokens: 42,
      costUsd: expect.any(Number),
      isUnpriced: true,
    });
    expect(usageWithin(db.connection, NOON - hour, NOON)).toEqual({
      tokens: 0,
      costUsd: 0,
      isUnpriced: false,
    });
  });
});

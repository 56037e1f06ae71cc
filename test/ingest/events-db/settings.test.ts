import { describe, expect, it } from "bun:test";
import type { Database } from "bun:sqlite";
import { openUsageDb } from "../../../src/index.ts";
import { adoptFile as adopt, oldFile, tableOf } from "../../support/events-db.ts";
import { tempFolder } from "../../support/temp-folder.ts";

describe("adoptSettings()", () => {
  const fill = (old: Database): void => {
    old.run("UPDATE usage_config SET plan = 'max5', timezone = 'Mars/Olympus', reset_hour = 4");
    old.run("INSERT INTO usage_config (plan, is_active) VALUES ('pro', 0)");
  };

  it("makes the old settings ours while ours are the defaults; what ours refuse keeps its default and is named", () => {
    using folder = tempFolder();
    using db = openUsageDb(":memory:");
    const path = oldFile(folder.at("events.db"), fill);
    expect(tableOf(adopt(db, path), "usage_config")).toMatchObject({
      read: 2,
      broughtIn: 1,
      repaired: 1,
      left: 1,
      reasons: [
        "inactive settings stay in the old file",
        "timezone was not accepted and has its default",
      ],
    });
    expect(db.config.get()).toMatchObject({ plan: "max5", reset_hour: 4, timezone: "auto" });
    expect(tableOf(adopt(db, path), "usage_config")).toMatchObject({ broughtIn: 0, known: 1 });
  });

  it("reports and leaves them when ours were changed", () => {
    using folder = tempFolder();
    using db = openUsageDb(":memory:");
    db.config.update({ plan: "pro" });
    const path = oldFile(folder.at("events.db"), fill);
    const balance = tableOf(adopt(db, path), "usage_config");
    expect(balance).toMatchObject({ broughtIn: 0, known: 0, left: 2 });
    expect(balance?.reasons.at(-1)).toBe(
      "settings were changed here already; the old ones: plan = max5, reset_hour = 4",
    );
    expect(db.config.get()?.plan).toBe("pro");
  });
});

import { describe, expect, it } from "bun:test";
import { shownSettings } from "../../../src/cli/watch/shown-settings.ts";
import { DEFAULT_SETTINGS } from "../../../src/store/usage-config.ts";

const MACHINE = { timeZone: "Europe/Berlin", env: { LANG: "en_US.UTF-8" } };
const SHOWN = { view: "realtime", theme: "auto", timeZone: "Europe/Berlin", is12h: true } as const;

describe("shownSettings()", () => {
  it("is empty for what the settings show, and leaves `auto` alone", () => {
    expect(shownSettings(SHOWN, DEFAULT_SETTINGS, MACHINE)).toEqual({});
  });

  it("names each thing that the settings would show otherwise", () => {
    const shown = { view: "daily", theme: "dark", timeZone: "UTC", is12h: false } as const;
    const kept = { view: "daily", theme: "dark", timezone: "UTC", time_format: "24h" } as const;
    expect(shownSettings(shown, DEFAULT_SETTINGS, MACHINE)).toEqual(kept);
    expect(shownSettings(shown, kept, MACHINE)).toEqual({});
    expect(shownSettings(SHOWN, kept, MACHINE)).toEqual({
      view: "realtime",
      theme: "auto",
      timezone: "Europe/Berlin",
      time_format: "12h",
    });
  });
});

import { describe, expect, it } from "bun:test";
import { span } from "../../../src/cli/watch/line.ts";
import {
  type Background,
  backgroundOfAnswer,
  paintLine,
  themeOf,
} from "../../../src/cli/watch/theme.ts";

const XTERM = { TERM: "xterm-256color" };
const theme = (
  name: "light" | "dark" | "classic" | "auto",
  env: Record<string, string>,
  background: Background | null = null,
): unknown => themeOf(name, { env, background });
const [LIGHT, DARK, CLASSIC] = (["light", "dark", "classic"] as const).map((name) =>
  theme(name, XTERM),
);

describe("themeOf()", () => {
  it("has three themes that differ", () => {
    expect(new Set([LIGHT, DARK, CLASSIC].map((one) => JSON.stringify(one))).size).toBe(3);
  });

  it.each([
    ["dark where nobody says", XTERM, null, DARK],
    ["what the terminal answered", XTERM, "light", LIGHT],
    ["what COLORFGBG says", { ...XTERM, COLORFGBG: "0;15" }, null, LIGHT],
    ["the answer before COLORFGBG", { ...XTERM, COLORFGBG: "0;15" }, "dark", DARK],
    ["a COLORFGBG of three parts", { ...XTERM, COLORFGBG: "0;default;7" }, null, LIGHT],
    ["dark for a COLORFGBG that is none", { ...XTERM, COLORFGBG: "default" }, null, DARK],
    ["classic with sixteen colours", { TERM: "linux" }, "light", CLASSIC],
    ["many colours by COLORTERM", { TERM: "screen", COLORTERM: "truecolor" }, "light", LIGHT],
  ] as const)("takes, for auto, %s", (_, env, background, expected) => {
    expect(theme("auto", env, background)).toEqual(expected);
  });

  it("has no colour with NO_COLOR, unless that is empty", () => {
    const none = themeOf("dark", { env: { NO_COLOR: "1" }, background: null });
    for (const look of Object.values(none)) expect(look).toMatch(/^[17]?$/);
    expect(theme("dark", { ...XTERM, NO_COLOR: "" })).toEqual(DARK);
  });
});

describe("backgroundOfAnswer()", () => {
  it.each([
    ["11;rgb:ffff/ffff/ffff", "light"],
    ["11;rgb:0000/0000/0000", "dark"],
    ["11;rgb:1e1e/1e1e/2e2e", "dark"],
    ["11;rgb:fd/f6/e3", "light"],
    ["11;rgba:ffff/ffff/ffff/8000", "light"],
    ["11;rgb:00/00/ff", "dark"],
    ["10;rgb:ffff/ffff/ffff", null],
    ["11;red", null],
  ] as const)("takes %s for %s", (answer, background) => {
    expect(backgroundOfAnswer(answer)).toBe(background);
  });
});

describe("paintLine()", () => {
  it("wraps what has a look, and nothing else", () => {
    expect(
      paintLine(
        [span("a", "good"), span("b")],
        themeOf("classic", { env: XTERM, background: null }),
      ),
    ).toBe("\u001b[32ma\u001b[0mb");
  });
});

/** Themes: a colour for each part that text plays. */
import type { UsageConfig } from "../../store/usage-config.ts";
import type { Line, Role } from "./line.ts";

export type ThemeName = UsageConfig["theme"];
/** The parameters of SGR for each role; empty for the terminal's own colour. */
export type Theme = Readonly<Record<Role, string>>;

/** Bright enough on black; of the 256 colours that every terminal emulator has. */
const DARK: Theme = {
  plain: "",
  title: "1;38;5;117",
  label: "38;5;252",
  muted: "38;5;245",
  accent: "38;5;117",
  good: "38;5;114",
  warn: "38;5;221",
  bad: "1;38;5;203",
  track: "38;5;238",
  selected: "1;38;5;16;48;5;117",
};

/** Dark enough on white. */
const LIGHT: Theme = {
  plain: "",
  title: "1;38;5;25",
  label: "38;5;236",
  muted: "38;5;243",
  accent: "38;5;25",
  good: "38;5;28",
  warn: "38;5;130",
  bad: "1;38;5;160",
  track: "38;5;251",
  selected: "1;38;5;231;48;5;25",
};

/** The sixteen colours, which the terminal's user chose. */
const CLASSIC: Theme = {
  plain: "",
  title: "1;36",
  label: "",
  muted: "90",
  accent: "36",
  good: "32",
  warn: "33",
  bad: "1;31",
  track: "90",
  selected: "7",
};

/** For NO_COLOR: what is not a colour is kept. */
const NONE: Theme = {
  plain: "",
  title: "1",
  label: "",
  muted: "",
  accent: "",
  good: "",
  warn: "",
  bad: "1",
  track: "",
  selected: "7",
};

export interface ThemeFacts {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What the terminal answered; null as long as it did not. */
  readonly background: Background | null;
}

export type Background = "light" | "dark";

/** The theme that a name stands for here. `auto` follows the terminal's background, and what it can show. */
export function themeOf(name: ThemeName, { env, background }: ThemeFacts): Theme {
  const noColor = env["NO_COLOR"];
  if (noColor !== undefined && noColor !== "") return NONE;
  switch (name) {
    case "light":
      return LIGHT;
    case "dark":
      return DARK;
    case "classic":
      return CLASSIC;
    case "auto":
      if (!hasManyColours(env)) return CLASSIC;
      return (background ?? backgroundOfEnv(env)) === "light" ? LIGHT : DARK;
  }
}

function hasManyColours(env: ThemeFacts["env"]): boolean {
  const { TERM: term = "", COLORTERM: colorTerm = "" } = env;
  return term.includes("256") || colorTerm !== "" || /kitty|alacritty|ghostty|wezterm/.test(term);
}

/** `COLORFGBG` as rxvt, konsole and others set it: the last number is the background, 7 and 9 to 15 are light. */
function backgroundOfEnv(env: ThemeFacts["env"]): Background {
  const colour = Number(env["COLORFGBG"]?.split(";").at(-1) ?? Number.NaN);
  return colour === 7 || (colour >= 9 && colour <= 15) ? "light" : "dark";
}

/** Asks the terminal for its background. */
export const BACKGROUND_QUESTION = "\u001b]11;?\u001b\\";

/** What the terminal answered to it; null for an answer to something else. */
export function backgroundOfAnswer(answer: string): Background | null {
  const [, red, green, blue] =
    /^11;rgba?:([0-9a-f]{1,4})\/([0-9a-f]{1,4})\/([0-9a-f]{1,4})/i.exec(answer) ?? [];
  if (red === undefined || green === undefined || blue === undefined) return null;
  const share = (digits: string): number => Number.parseInt(digits, 16) / (16 ** digits.length - 1);
  // Weights of Rec. 709: green counts most for how bright something looks.
  const luminance = 0.2126 * share(red) + 0.7152 * share(green) + 0.0722 * share(blue);
  return luminance > 0.5 ? "light" : "dark";
}

/** A line as a terminal takes it. */
export function paintLine(line: Line, theme: Theme): string {
  let painted = "";
  for (const { text, role } of line) {
    const parameters = theme[role];
    painted += parameters === "" ? text : `\u001b[${parameters}m${text}\u001b[0m`;
  }
  return painted;
}

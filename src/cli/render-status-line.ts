/** The status line as text: one line, the most useful first, because a narrow terminal cuts the end. */
import type { UsageWithin } from "../report/usage-within.ts";
import type { StatusFacts } from "./status-facts.ts";

type Tint = "plain" | "dim" | "green" | "yellow" | "red";

const CODES: Readonly<Record<Tint, string>> = {
  plain: "",
  dim: "\u001b[2m",
  green: "\u001b[32m",
  yellow: "\u001b[33m",
  red: "\u001b[31m",
};
const RESET = "\u001b[0m";
const MAX_MODEL_LENGTH = 40;
/** From here on a share is worth a look, and from there it is nearly used up. */
const NOTABLE_PERCENT = 50;
const ALARMING_PERCENT = 80;

export function renderStatusLine(facts: StatusFacts, isColoured: boolean): string {
  const tinted = (text: string, tint: Tint): string =>
    isColoured && tint !== "plain" ? `${CODES[tint]}${text}${RESET}` : text;
  const share = (percent: number): string => tinted(`${Math.round(percent)}%`, tintOf(percent));
  const parts: string[] = [];
  if (facts.model !== null) parts.push(shown(facts.model.slice(0, MAX_MODEL_LENGTH)));
  if (facts.sessionCostUsd !== null) parts.push(`$${facts.sessionCostUsd.toFixed(2)} session`);
  if (facts.today !== null) parts.push(`${renderToday(facts.today)} today`);
  const fiveHour = limitOf(facts, "five_hour");
  const left = facts.blockLeftMs === null ? "" : `${shortTime(facts.blockLeftMs)} left`;
  const used = fiveHour === undefined ? "" : share(fiveHour.usedPercent);
  if (used !== "" || left !== "")
    parts.push(["5h", used, left === "" ? "" : tinted(left, "dim")].filter(Boolean).join(" "));
  const sevenDay = limitOf(facts, "seven_day");
  if (sevenDay !== undefined) parts.push(`7d ${share(sevenDay.usedPercent)}`);
  if (facts.contextPercent !== null) parts.push(`ctx ${share(facts.contextPercent)}`);
  return parts.length === 0 ? "usagedb: nothing to show yet" : parts.join(tinted(" | ", "dim"));
}

/** A name that cannot act on a terminal. Most are plain, and whatever else there is need not be loaded for them. */
function shown(name: string): string {
  if (/^[\x20-\x7e]*$/.test(name)) return name;
  return (require("./output.ts") as typeof import("./output.ts")).printable(name);
}

/** The cost, with a plus when some of it is not known; the tokens when none of it is. */
function renderToday({ tokens, costUsd, isUnpriced }: UsageWithin): string {
  return costUsd === null
    ? `${shortCount(tokens)} tokens`
    : `$${costUsd.toFixed(2)}${isUnpriced ? "+" : ""}`;
}

function limitOf(
  { limits }: StatusFacts,
  wanted: string,
): StatusFacts["limits"][number] | undefined {
  return limits.find(({ name }) => name === wanted);
}

function tintOf(percent: number): Tint {
  if (percent >= ALARMING_PERCENT) return "red";
  return percent >= NOTABLE_PERCENT ? "yellow" : "green";
}

/** 999, 1.2K, 34M: three digits at the most. */
function shortCount(count: number): string {
  let rest = count;
  for (const unit of ["", "K", "M", "B"]) {
    if (rest < 999.5 || unit === "B") {
      const digits = unit !== "" && rest < 9.95 ? 1 : 0;
      return `${rest.toFixed(digits)}${unit}`;
    }
    rest /= 1000;
  }
  return String(count);
}

/** 2h10m, 45m, under a minute as 0m. */
function shortTime(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  const hours = Math.floor(minutes / 60);
  return hours === 0 ? `${minutes}m` : `${hours}h${String(minutes % 60).padStart(2, "0")}m`;
}

/** A message and the lines that claim it, for people. */
import type { Claim } from "../ingest/claims.ts";
import type { MessageExplanation } from "../ingest/explain.ts";
import { printable } from "./output.ts";

const number = new Intl.NumberFormat("en-US");

export function renderExplanation(explanation: MessageExplanation): string {
  const { messageId, messages, claims, filesGone, filesSearched } = explanation;
  const counted = messages.map(
    ({ agent, model, session_id, project }) =>
      `Counts for ${agent}, ${printable(model)}, session ${printable(session_id)}, project ${printable(project)}.`,
  );
  const gone =
    filesGone === 0 ? "" : ` ${filesGone} are gone: what else they said cannot be told any more.`;
  return [
    `${printable(messageId)}: ${claims.length} line(s) claim it.`,
    ...(counted.length === 0 ? ["Not stored yet."] : counted),
    "",
    ...claims.flatMap((claim) => [...renderClaim(claim), ""]),
    `${filesSearched} file(s) searched.${gone}`,
  ].join("\n");
}

/** Where, why, whose and how much; narrow enough for any terminal but for paths and ids. */
function renderClaim(claim: Claim): string[] {
  const { verdict, tokens } = claim;
  const cacheWrite = tokens.cacheWrite5m + tokens.cacheWrite1h;
  const counts = [
    [tokens.input, "input"],
    [tokens.output, "output"],
    [cacheWrite, "cache write"],
    [tokens.cacheRead, "cache read"],
  ] as const;
  return [
    `${verdict === "counts" ? "*" : " "} ${placeOf(claim)}`,
    `    ${verdict === "counts" ? "counts" : "does not count"}: ${printable(claim.reason)}`,
    `    ${new Date(claim.timestamp).toISOString()}  ${claim.isSidechain ? "sidechain" : "main chain"}  request ${claim.requestId === "" ? "none" : printable(claim.requestId)}`,
    `    session ${printable(claim.sessionId)}`,
    `    ${number.format(tokens.total)} tokens: ${counts.map(([count, name]) => `${number.format(count)} ${name}`).join(", ")}`,
  ];
}

function placeOf({ path, offset, host, isStillThere }: Claim): string {
  if (host !== null) return `read on ${printable(host)}`;
  if (path === null) return "an unknown source";
  return `${printable(path)}:${offset ?? "?"}${isStillThere ? "" : "  (not there any more)"}`;
}

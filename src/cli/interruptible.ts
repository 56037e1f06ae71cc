/** Ctrl-C for migrations that run in parts; for all others it ends the process, which loses nothing either. */
import type { MigrationEvent } from "../engine/migrator.ts";
import { isInParts } from "../migration/unfinished.ts";
import type { CommandContext } from "./command.ts";

/** What a runner needs to stop between two parts; signals are caught from the first such step on, not before. */
export function interruptible(
  { interruptSignal }: Pick<CommandContext, "interruptSignal">,
  tell: (event: MigrationEvent) => void,
): { readonly signal: AbortSignal; readonly onEvent: (event: MigrationEvent) => void } {
  const controller = new AbortController();
  let isListening = false;
  return {
    signal: controller.signal,
    onEvent: (event) => {
      if (event.type === "started" && !isListening && isInParts(event.step.body)) {
        isListening = true;
        interruptSignal().addEventListener("abort", () => controller.abort());
      }
      tell(event);
    },
  };
}

/** The completion script for fish. */
import type { Candidates, CompletionNode } from "./nodes.ts";

/** The script's text: one line a word and a flag, each under the condition that the line has come to its command. */
export function renderFish(program: string, nodes: readonly CompletionNode[]): string {
  const at = `__${program}_at`;
  const flags = new Set(
    nodes.flatMap((node) =>
      node.flags.filter(({ takesValue }) => takesValue).map(({ flag }) => flag),
    ),
  );
  const groups = nodes.filter(({ words }) => words.length > 0);
  return `# fish completion for ${program}; written by \`${program} completion fish\`

# True when the words before the cursor, flags and their values left out, lead to this command and no further.
function ${at}
    set -l path
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip -eq 1
            set skip 0
            continue
        end
        switch $word
            case ${[...flags].map(quoted).join(" ")}
                set skip 1
            case '-*'
            case '*'
                switch "$path"
${groups.map(({ path, words }) => `                    case ${quoted(path)}\n                        contains -- $word ${words.map(({ word }) => quoted(word)).join(" ")}; and set -a path $word`).join("\n")}
                end
        end
    end
    test "$path" = "$argv"
end

complete -c ${program} -f
${nodes.flatMap((node) => nodeLines(program, at, node)).join("\n")}
`;
}

function nodeLines(
  program: string,
  at: string,
  { path, words, flags, positionals }: CompletionNode,
): string[] {
  const here = `complete -c ${program} -n ${quoted(`${at} ${path}`.trim())}`;
  const [first = null] = positionals;
  return [
    ...words.map(({ word, description }) => `${here} -a ${quoted(word)} -d ${quoted(description)}`),
    ...(first === null ? [] : [`${here}${valueOf(first)}`]),
    ...flags.map(({ flag, short, description, takesValue, candidates }) => {
      const names = `${short === null ? "" : ` -s ${short.slice(1)}`} -l ${flag.slice(2)}`;
      const value = takesValue ? ` -r${valueOf(candidates)}` : "";
      return `${here}${names}${value} -d ${quoted(description)}`;
    }),
  ];
}

function valueOf(candidates: Candidates): string {
  if (candidates === null) return "";
  switch (candidates.kind) {
    case "file":
      return " -F";
    case "folder":
      return " -a '(__fish_complete_directories (commandline -ct))'";
    case "words":
      return ` -a ${quoted(candidates.words.join(" "))}`;
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

/** The completion script for bash, 3.2 and later. */
import type { Candidates, CompletionNode } from "./nodes.ts";

/**
 * The script's text. It follows the line word by word to the command that it names, so that flags may stand before
 * words, and asks neither the program nor a database.
 */
export function renderBash(program: string, nodes: readonly CompletionNode[]): string {
  const name = `_${program}`;
  return `# bash completion for ${program}; written by \`${program} completion bash\`

# The words that may follow a command.
${name}_words() {
  case "$1" in
${branches(nodes, ({ path, words }) => [quoted(path), lines(words.map(({ word }) => word))])}
  esac
}

# The flags of a command.
${name}_flags() {
  case "$1" in
${branches(nodes, ({ path, flags }) => [quoted(path), lines(flags.map(({ flag }) => flag))])}
  esac
}

# What a flag takes: "file", "folder", "value", or the words themselves; nothing for one that takes none.
${name}_takes() {
  case "$1 $2" in
${takes(nodes)}
  esac
}

# What the argument of that number may be.
${name}_argument() {
  case "$1 $2" in
${nodes.flatMap(({ path, positionals }) => positionals.map((candidates, index) => branch(quoted(`${path} ${index}`), valueOf(candidates)))).join("\n")}
  esac
}

${name}_candidates() {
  local IFS=$'\\n'
  case "$1" in
    value) ;;
    file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$2")) ;;
    folder) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$2")) ;;
    *) COMPREPLY=($(compgen -W "$1" -- "$2")) ;;
  esac
}

${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" arguments=0 word flag taken next index
  COMPREPLY=()
  # bash takes "=" for a word of its own: --dir = migrations.
  [[ "$current" == "=" ]] && current=""
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="\${COMP_WORDS[index]}"
    if [[ "$word" == -* ]]; then
      flag="$word"
      taken="$(${name}_takes "$path" "$flag")"
      [[ -z "$taken" ]] && continue
      index=$((index + 1))
      [[ "\${COMP_WORDS[index]}" == "=" ]] && ((index < COMP_CWORD)) && index=$((index + 1))
      if ((index >= COMP_CWORD)); then
        ${name}_candidates "$taken" "$current"
        return
      fi
      continue
    fi
    next="\${path:+$path }$word"
    if ${name}_words "$path" | grep -qxF -e "$word"; then path="$next"; else arguments=$((arguments + 1)); fi
  done
  if [[ "$current" == -* ]]; then
    ${name}_candidates "$(${name}_flags "$path")" "$current"
    return
  fi
  taken="$(${name}_words "$path")"
  [[ -z "$taken" ]] && taken="$(${name}_argument "$path" "$arguments")"
  [[ -n "$taken" ]] && ${name}_candidates "$taken" "$current"
}

complete -F ${name} ${program}
`;
}

function branches(
  nodes: readonly CompletionNode[],
  of: (node: CompletionNode) => readonly [pattern: string, text: string],
): string {
  return nodes
    .map(of)
    .filter(([, text]) => text !== "")
    .map(([pattern, text]) => branch(pattern, text))
    .join("\n");
}

function takes(nodes: readonly CompletionNode[]): string {
  return nodes
    .flatMap(({ path, flags }) =>
      flags
        .filter(({ takesValue }) => takesValue)
        .map(({ flag, candidates }) => branch(quoted(`${path} ${flag}`), valueOf(candidates))),
    )
    .join("\n");
}

const branch = (pattern: string, text: string): string =>
  `    ${pattern}) printf '%s\\n' ${text} ;;`;

const lines = (words: readonly string[]): string => words.map(quoted).join(" ");

function valueOf(candidates: Candidates): string {
  if (candidates === null) return "value";
  return candidates.kind === "words" ? lines(candidates.words) : candidates.kind;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

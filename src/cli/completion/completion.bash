# Completes kns-rootless in bash: source <(kns-rootless completion bash)
#
# kns-rootless itself says what may stand where (kns-rootless __complete). What
# comes after the command's name is completed by bash-completion, if that is there.

_kns_rootless() {
  # bash parts words at = : and @ too (COMP_WORDBREAKS): those without a blank between are one.
  local -a words=() starts=()
  local line=${COMP_LINE:0:COMP_POINT} rest part i
  for ((i = 0; i <= COMP_CWORD; i++)); do
    rest=${line#"${line%%[![:space:]]*}"}
    part=${COMP_WORDS[i]}
    ((i < COMP_CWORD)) || part=$rest
    if ((i > 0)) && [[ $line == "$rest" ]]; then
      words[${#words[@]} - 1]+=$part
    else
      words+=("$part")
      starts+=("$i")
    fi
    line=${rest#"$part"}
  done

  local program=kns-rootless
  [[ ${words[0]} != */* ]] || program=${words[0]/#\~\//$HOME/}
  # Without quotes and backslashes.
  local -a plain=("${words[@]//[\\\"\']/}")
  local typed=${words[${#words[@]} - 1]} word=${plain[${#plain[@]} - 1]}
  local shell='' from='' value
  local -a values=()
  {
    IFS=$'\t' read -r shell from
    while IFS=$'\t' read -r value _; do values+=("$value"); done
  } < <(command "$program" __complete "${plain[@]:1}" 2>/dev/null)

  COMPREPLY=()
  case $shell in
    command)
      _kns_rootless_command "${starts[from + 1]}" "$word"
      from=''
      ;;
    files | directories)
      compopt -o filenames
      local action=file
      [[ $shell == files ]] || action=directory
      mapfile -t values < <(compgen -A "$action" -- "${word#"$from"}")
      ;;
  esac

  # What of the word stays: readline replaces what is behind a quote, or the last place where words are parted.
  local before=${typed%%[\"\']*} breaks=${COMP_WORDBREAKS//[^=:@]/} quoted=1
  if [[ $before == "$typed" ]]; then
    before=${before%"${before##*[$breaks]}"}
    before=${before%@} # which it replaces, too
    [[ $shell != words ]] || quoted=''
  fi
  for value in "${values[@]}"; do
    [[ $from$value == "$word"* ]] || continue
    value=$from$value
    value=${value#"$before"}
    [[ $quoted ]] || printf -v value %q "$value"
    COMPREPLY+=("$value")
  done
}

# What the shell has for the command that begins with this word of COMP_WORDS.
_kns_rootless_command() {
  if declare -F _comp_command_offset >/dev/null; then
    _comp_command_offset "$1"
  elif declare -F _command_offset >/dev/null; then
    _command_offset "$1"
  else
    compopt -o filenames
    local action=file
    ((COMP_CWORD > $1)) || action=command
    mapfile -t COMPREPLY < <(compgen -A "$action" -- "$2")
  fi
}

complete -F _kns_rootless kns-rootless

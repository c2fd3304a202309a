#compdef kns-rootless
# Completes kns-rootless in zsh: source <(kns-rootless completion zsh), after compinit;
# or as a file _kns-rootless in a folder of $fpath.
#
# kns-rootless itself says what may stand where (kns-rootless __complete).

_kns-rootless() {
  local program=kns-rootless line value description
  local -a answer candidates
  [[ $words[1] == */* ]] && program=${words[1]/#\~\//$HOME/}
  answer=("${(@f)$(command $program __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
  local shell=${answer[1]%%$'\t'*} from=${answer[1]#*$'\t'}
  for line in $answer[2,-1]; do
    value=${line%%$'\t'*} description=${line#*$'\t'}
    candidates+=("${value//:/\\:}${description:+:$description}")
  done
  if [[ $shell == command ]]; then
    local ret=1
    _describe subcommand candidates && ret=0
    shift $((from + 1)) words
    ((CURRENT -= from + 1))
    _normal && ret=0
    return ret
  fi
  compset -P "${(b)from}"
  case $shell in
    files) _files ;;
    directories) _files -/ ;;
    *) _describe value candidates ;;
  esac
}

if [[ $funcstack[1] == _kns-rootless ]]; then
  _kns-rootless "$@"
else
  compdef _kns-rootless kns-rootless
fi

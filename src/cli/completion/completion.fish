# Completes kns-rootless in fish: kns-rootless completion fish | source
#
# kns-rootless itself says what may stand where (kns-rootless __complete).

function __kns_rootless_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    set -l word (string replace -ra '[\\\\"\']' '' -- "$typed")
    set -l program kns-rootless
    string match -q '*/*' -- $words[1]; and set program (string replace -r '^~/' "$HOME/" -- $words[1])
    set -l answer (command $program __complete $words[2..] "$word" 2>/dev/null)
    set -l head (string split \t -- "$answer[1]")
    set -l prefix $head[2]
    switch "$head[1]"
        case command
            set prefix ''
            set -l own
            for i in (seq (math $head[2] + 2) (count $words))
                set -a own (string escape -- $words[$i])
            end
            # With the word as it is typed: it may be empty.
            complete -C "$own $typed"
        case files
            __kns_rootless_paths "$prefix" "$word"
        case directories
            __kns_rootless_paths "$prefix" "$word" | string match '*/'
    end
    for line in $answer[2..]
        echo -- "$prefix$line"
    end
end

# fish has files for the arguments of a program without completions.
function __kns_rootless_paths -a prefix word
    set -l path (string sub -s (math 1 + (string length -- "$prefix")) -- "$word")
    # A tilde is the home directory only where it is not escaped.
    set path (string escape -n -- "$path" | string replace -r '^\\\\~' '~')
    for line in (complete -C "'' $path")
        string replace -r '\t.*' '' -- "$prefix$line"
    end
end

complete -c kns-rootless -f -k -a '(__kns_rootless_complete)'

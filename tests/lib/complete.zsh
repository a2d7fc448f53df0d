# SPDX-License-Identifier: BSD-2-Clause
# What zsh offers for a command line, one word on a line, from an interactive
# zsh in a pseudo-terminal. Words may come several times and end in carriage
# returns. usage: zsh -f complete.zsh FOLDER-OF-FUNCTIONS 'command line'
zmodload zsh/zpty || exit 99
zpty shell zsh -f -i
zpty -w shell "PROMPT= ; stty -echo; fpath=(${(q)1:A} \$fpath); autoload -Uz compinit; compinit -u -D"
# Every offer goes through compadd; those with -O, -A or -D only compute.
zpty -w shell 'compadd() {
	if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
		builtin compadd "$@"
		return
	fi
	local -a offers
	builtin compadd -A offers "$@"
	(($#offers)) && print -r -l -- "" "<OFFER>"${^offers}
	builtin compadd "$@"
}'
# The line editor must be there before keys are sent: the terminal would take
# control characters for its own.
zpty -w shell 'bindkey "^I" complete-word; zle-line-init() { print "<READ""Y>" }; zle -N zle-line-init'
zpty -r shell line '*<READY>*' || exit 99
zpty -w -n shell "$2"$'\t'
# Line editing: throw the line away, print the mark.
zpty -w -n shell $'\x15''print "<DO''NE>"'$'\n'
while zpty -r shell line '*'$'\n'; do
	[[ $line == *'<OFFER>'* ]] && print -r -- ${${line##*<OFFER>}%$'\n'}
	[[ $line == *'<DONE>'* ]] && break
done
zpty -d shell

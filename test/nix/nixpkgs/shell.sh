# What a shell's setup does: the inputs' programs come first, in their order.
PATH=/usr/bin:/bin
for input in $(printf '%s\n' $nativeBuildInputs | tac); do PATH="$input/bin:$PATH"; done
export PATH

# shellcheck shell=sh disable=SC2154
# The slow part of ./evertape, sourced by it: system packages, then the virtual environment.
# Uses of the caller: $here, $venv, $set_name, key(). Everything it says goes to standard error,
# because standard output may be somebody's JSON. Exit status 4: the machine lacks something; the text says what.

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "$@"
    exit 4
}

# The managers we know, the native one first: a Debian with Homebrew on it is still a Debian.
find_manager() {
    for manager in apt-get dnf pacman brew; do
        if command -v "$manager" >/dev/null 2>&1; then
            manager=${manager%-get}
            return
        fi
    done
    manager=''
}

# Ubuntu 22.04 and what is built on it: the system's Python is 3.10, so its python3-gi is of no use to us.
is_jammy() {
    grep -q -E '^(UBUNTU_CODENAME|VERSION_CODENAME)="?jammy"?$' "${EVERTAPE_OS_RELEASE:-/etc/os-release}" 2>/dev/null
}

is_debian() {
    grep -q -E '^ID="?debian"?$' "${EVERTAPE_OS_RELEASE:-/etc/os-release}" 2>/dev/null
}

# The names of every package that $set_name needs with $manager, on one line.
wanted_packages() {
    case $set_name in
        test) sets=' base lab desktop xvfb test ' ;;
        desktop) sets=' base desktop ' ;;
        lab) sets=' base lab ' ;;
        *) sets=' base ' ;;
    esac
    if [ "$manager" = apt ]; then
        if is_jammy; then sets="$sets jammy "; fi
        if [ "$set_name" = test ] && is_debian; then sets="$sets web "; fi
        if [ "$(dpkg --print-architecture)" = armhf ]; then sets="$sets armhf "; fi
    fi
    while read -r name with packages; do
        case $sets in
            *" $name "*) if [ "$with" = "$manager" ]; then printf '%s ' "$packages"; fi ;;
        esac
    done <"$here/src/evertape/cli/packages.txt"
}

has_package() {
    case $manager in
        apt) [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ;;
        dnf) rpm -q --quiet --whatprovides "$1" 2>/dev/null ;;
        pacman) pacman -Qq "$1" >/dev/null 2>&1 ;;
        brew) brew list --versions "$1" >/dev/null 2>&1 ;;
    esac
}

# Sets $missing to the packages of $set_name that are not installed, $count to their number.
find_missing() {
    missing='' count=0
    for package in $(wanted_packages); do
        if ! has_package "$package"; then
            missing="$missing $package"
            count=$((count + 1))
        fi
    done
}

# The one line that brings $missing, as a person would type it as root.
install_line() {
    case $manager in
        apt) echo "apt-get update && apt-get install -y --no-install-recommends$missing" ;;
        dnf) echo "dnf install -y$missing" ;;
        pacman) echo "pacman -S --needed --noconfirm$missing" ;;
        brew) echo "brew install$missing" ;;
    esac
}

ask_person() {
    say "Evertape needs $count system packages that are not installed. $1, then start it again:"
    say ''
    say "  $(install_line)"
    say ''
    exit 4
}

# Sets $root to what makes a command run as root: nothing, or sudo; leaves with the line to run if there is no way.
find_root() {
    if [ "$(id -u)" = 0 ]; then
        root=''
    elif ! command -v sudo >/dev/null 2>&1; then
        ask_person "Run this once as root"
    elif sudo -n true >/dev/null 2>&1; then
        root='sudo'
    elif [ -t 0 ] && [ -t 2 ]; then
        say "Evertape needs $count system packages that are not installed; sudo asks for your password to install them:"
        say " $missing"
        sudo -v || ask_person "Run this once as root"
        root='sudo'
    else
        ask_person "Run this once as root"
    fi
}

# Turns apt's status lines into progress on standard error.
show_progress() {
    shown=''
    while IFS=: read -r kind item percent _; do
        percent=${percent%%.*}
        case $kind in
            dlstatus) doing="downloading" item='' ;;
            pmstatus) doing="installing" ;;
            *) continue ;;
        esac
        if [ -t 2 ]; then
            printf '\r\033[K  %3d %% %s %.40s' "$percent" "$doing" "$item" >&2
        elif [ "$shown" != "$doing$((percent / 25))" ]; then
            shown=$doing$((percent / 25))
            say "  $percent % $doing"
        fi
    done
    if [ -t 2 ]; then printf '\r\033[K' >&2; fi
}

# Runs one apt-get command with progress; its words and its exit status go to $log and $log.status.
# The status lines have a descriptor to themselves: apt makes it non-blocking, and a package's script that
# prints to the same pipe fails as soon as the pipe is full. It is opened behind sudo, which closes what
# it is given beyond standard error. Descriptor 9 is our lock, which no daemon that a package starts may inherit.
apt() {
    {
        code=0
        # shellcheck disable=SC2016
        $root env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 sh -c 'exec apt-get -q -y "$@" 3>&1 >&2' apt-get \
            -o APT::Status-Fd=3 -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 "$@" </dev/null 2>>"$log" 9<&- || code=$?
        echo "$code" >"$log.status"
    } | show_progress
    return "$(cat "$log.status")"
}

update_lists() {
    say "Reading the package lists …"
    apt update
}

have_lists() {
    for list in /var/lib/apt/lists/*_Packages*; do
        [ -e "$list" ] && return 0
    done
    return 1
}

# Old lists and an interrupted dpkg are the two things that a second try mends.
install_with_apt() {
    log=$(mktemp "${TMPDIR:-/tmp}/evertape-setup.XXXXXX")
    have_lists || update_lists || { tail -n 5 "$log" >&2; fail "apt-get could not read its package lists (all of its output: $log)."; }
    say "Installing $count system packages:$missing"
    # $missing is a list of names without blanks.
    # shellcheck disable=SC2086
    if ! apt install --no-install-recommends $missing; then
        $root dpkg --configure -a </dev/null >>"$log" 2>&1 9<&- || :
        update_lists || :
        if ! apt install --no-install-recommends $missing; then
            tail -n 15 "$log" >&2
            fail "apt-get could not install them (all of its output: $log). As root: $(install_line)"
        fi
    fi
    rm -f "$log" "$log.status"
}

install_packages() {
    find_manager
    [ -n "$manager" ] || return 0
    find_missing
    [ "$count" -gt 0 ] || return 0
    if [ "$manager" != apt ]; then
        case $manager in brew) ask_person "Run this once" ;; *) ask_person "Run this once as root" ;; esac
    fi
    find_root
    # One set-up at a time on this machine: a directory that is always there serves as the lock.
    exec 9</var/lib/dpkg
    flock 9
    find_missing
    if [ "$count" -gt 0 ]; then install_with_apt; fi
    exec 9<&-
}

# Sets $python to the first interpreter that serves; $with_gi tells whether it brings gi.
find_python() {
    with_gi=1
    if [ -n "${EVERTAPE_PYTHON:-}" ]; then
        python=$EVERTAPE_PYTHON
        serves 'import gi, venv, ensurepip' && return 0
    else
        # The system's own first: only that one has the bindings that the system's packages bring.
        for python in /usr/bin/python3 python3 /usr/bin/python3.14 /usr/bin/python3.13 /usr/bin/python3.12 \
            /usr/bin/python3.11 python3.14 python3.13 python3.12 python3.11; do
            serves 'import gi, venv, ensurepip' && return 0
        done
    fi
    # None has gi: one that can compile PyGObject for itself will do (Ubuntu 22.04).
    with_gi=''
    pkg-config --exists gobject-introspection-1.0 cairo 2>/dev/null || return 1
    for python in "${EVERTAPE_PYTHON:-python3.11}" python3.12 python3.13; do
        serves 'import venv, ensurepip' && return 0
    done
    return 1
}

# Is $python there, new enough, and able to run the statement?
serves() {
    command -v "$python" >/dev/null 2>&1 &&
        "$python" -E -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null &&
        "$python" -E -c "$1" 2>/dev/null
}

set_up() {
    if [ "${EVERTAPE_PACKAGES:-}" != skip ]; then install_packages; fi
    if ! find_python; then
        fail "Evertape needs Python 3.11 or newer that can 'import gi' (PyGObject) and make virtual environments;" \
            "none was found. docs/guide/install.md says how to get one on this system."
    fi
    "$python" -E "$here/tools/bootstrap.py" "$venv" "$set_name" ${with_gi:+--system-gi} || exit $?
    # What a set contains is there with it; a stamp appears whole or not at all.
    case $set_name in
        test) contained='base lab desktop test' ;;
        base) contained='base' ;;
        *) contained="base $set_name" ;;
    esac
    for done_set in $contained; do
        key >"$venv/.evertape-new.$$"
        mv -f "$venv/.evertape-new.$$" "$venv/.evertape-$done_set"
    done
}

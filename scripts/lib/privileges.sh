# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Who the servers run as. An ordinary user: as that user. Root: as the owner of the checkout where that is somebody
# else, otherwise as `nobody` or the account that the server's own package made.
#
# A checkout below a closed folder (/root) cannot be reached by those. Then each server gets a mount namespace of its own
# in which the checkout is seen at /mnt; it works with paths relative to the checkout, so it does not notice. Where
# the machine does not allow that either, the servers stay root, and that is said.

# shellcheck disable=SC2016 # expanded by the inner shell
bind_checkout='mount --bind . /mnt && cd /mnt && exec "$@"'

launch_mode=plain # plain: as we are · drop: setpriv · mount: namespace, then setpriv

# identity ACCOUNT: "uid:gid" for a server whose package made ACCOUNT.
identity() {
    local owner
    owner=$(stat -c '%u:%g' .)
    if [[ $owner != 0:* ]]; then
        printf '%s\n' "$owner"
    elif id "$1" >/dev/null 2>&1; then
        printf '%s:%s\n' "$(id -u "$1")" "$(id -g "$1")"
    else
        printf '%s:%s\n' "$(id -u nobody)" "$(id -g nobody)"
    fi
}

# launcher UID:GID: sets `launch` to the words that go in front of a server's command. Death of the supervisor is a
# SIGTERM for the server, whatever killed it: asked for last, since a change of user takes it back.
launcher() {
    local drop=(setpriv "--reuid=${1%:*}" "--regid=${1#*:}" --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs
        --pdeathsig TERM --)
    case $launch_mode in
    plain) launch=(setpriv --pdeathsig TERM --) ;;
    drop) launch=("${drop[@]}") ;;
    mount) launch=(unshare --mount --propagation private sh -c "$bind_checkout" sh "${drop[@]}") ;;
    esac
}

# choose_launch_mode BINARY UID:GID...: finds the mode that lets all of them reach the checkout. BINARY is relative to it.
choose_launch_mode() {
    local binary=$1 who
    shift
    ((EUID == 0)) || return 0
    for launch_mode in drop mount; do
        for who; do
            launcher "$who"
            # shellcheck disable=SC2016 # expanded by the inner shell
            "${launch[@]}" sh -c 'cd "$(pwd -P)" && test -x "$1" && test -x var' sh "$binary" 2>/dev/null || continue 2
        done
        return 0
    done
    launch_mode=plain
    warn "running the servers as root: $PWD is closed to other users, and this machine allows no mount namespace"
}

# seen_root: where the servers see the checkout.
seen_root() {
    if [[ $launch_mode == mount ]]; then printf '/mnt\n'; else pwd -P; fi
}

# own_directory UID:GID DIRECTORY: makes a private directory of a server, handing over what an earlier run as somebody else left.
own_directory() {
    mkdir -p "$2"
    if [[ $launch_mode != plain ]]; then
        [[ -z $(find "$2" ! -uid "${1%:*}" -print -quit) ]] || chown -R -h "$1" "$2"
    elif [[ ! -w $2 ]]; then
        die "$2 is not writable for $(id -un): made by an earlier run as another user? Remove it or hand it over"
    fi
    chmod 700 "$2"
}

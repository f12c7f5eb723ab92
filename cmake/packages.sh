# Sourced by runtests and quickstart: the Debian packages that building and testing want, and how to get them.
# shellcheck shell=sh disable=SC2034

build_packages='clang-19 lld-19 cmake ninja-build ccache pkg-config libc6-dev libstdc++-12-dev liburing-dev libjemalloc-dev
  libfmt-dev nlohmann-json3-dev libc-ares-dev libssl-dev libpcre2-dev libidn2-dev libcrypt-dev libhiredis-dev liblmdb-dev
  libsqlite3-dev libpsl-dev'
test_packages='libclang-rt-19-dev clang-format-19 libgtest-dev libgmock-dev libbenchmark-dev python3 python3-yaml swaks iproute2
  procps libfuse3-dev e2fsprogs xfsprogs mount linux-perf redis-tools tinycdb
  lmdb-utils sqlite3 python3-dkim python3-nacl python3-authres opendkim-tools publicsuffix strace'
demo_packages='swaks'

# as_root COMMAND...: directly, or through sudo.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null 2>&1; then
    sudo "$@"
  else
    echo "this needs root: run it as root, or install sudo: $*" >&2
    return 1
  fi
}

# try_often COMMAND...: mirrors and their networks have bad moments.
try_often() {
  attempt=1
  until "$@"; do
    if [ $attempt -ge 5 ]; then
      return 1
    fi
    echo "trying again: $*" >&2
    sleep $((attempt * 4))
    attempt=$((attempt + 1))
  done
}

# install_packages PACKAGE...: does nothing when all are there.
install_packages() {
  missing=
  for package; do
    case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
      *' installed') ;;
      *) missing="$missing $package" ;;
    esac
  done
  if [ -z "$missing" ]; then
    return 0
  fi
  echo "installing:$missing"
  try_often as_root apt-get update -qq -o Acquire::Retries=3
  # shellcheck disable=SC2086  # a list of words
  try_often as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes -qq --no-install-recommends \
    -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 $missing
}

# The unprivileged user that the gateway drops to when it is started as root.
make_run_user() {
  if ! id -u _postern >/dev/null 2>&1; then
    echo "adding the system user _postern"
    as_root useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin _postern
  fi
}

# As many compilers at once as there are processors, and memory for (1.5 GiB each).
build_jobs() {
  by_memory=$(awk '/MemAvailable/ { print int($2 / 1572864) }' /proc/meminfo)
  processors=$(nproc)
  jobs=$((by_memory < processors ? by_memory : processors))
  echo $((jobs > 0 ? jobs : 1))
}

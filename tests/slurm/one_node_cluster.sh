#!/usr/bin/env bash
# A SLURM cluster of one node, this machine, for tests: from Debian's packages slurm-wlm and munge, without systemd.
#
#   one_node_cluster.sh install         get the packages, unless they are there
#   one_node_cluster.sh start FOLDER    bring it up; state, logs and configuration lie in FOLDER
#   one_node_cluster.sh stop FOLDER     take it down
#
# Needs root: slurmd starts jobs, and its configuration must lie in /etc/slurm (see below). Accounting is off. Listens
# on 127.0.0.1 alone. Jobs that take more memory than they asked for are killed within a second or two.
set -euo pipefail

usage() { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
fail() { echo "one_node_cluster: $*" >&2; exit 1; }

[ $# -eq 2 ] || [ "$*" = install ] || usage
action=$1
folder=$(realpath -m "${2:-.}")
host=$(hostname -s)
# Job steps are started with SLURM's variables taken away, SLURM_CONF among them: only the usual place is found.
usual=/etc/slurm

installed() { command -v munged slurmctld slurmd > /dev/null; }

install() {
  ! installed || return 0
  [ "$(id -u)" = 0 ] || fail "packages can be installed by root only"
  command -v apt-get > /dev/null || fail "there is no apt-get: not a Debian machine"
  echo "installing slurm-wlm and munge"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q > /dev/null || fail "apt-get update failed"
  apt-get install -y -q -o DPkg::Lock::Timeout=60 --no-install-recommends slurm-wlm munge > /dev/null || fail "apt-get install failed"
  installed || fail "the packages came without munged, slurmctld or slurmd"
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

write_configuration() {
  local megabytes
  megabytes=$(awk '/^MemTotal/ {print int($2 / 1024 * 0.8)}' /proc/meminfo)
  # No cgroups (proctrack, task): containers often have none to give. Memory is watched by sampling instead.
  # One fake GPU: a file that exists is all that SLURM asks of one.
  cat > "$folder/slurm.conf" <<END
ClusterName=onenode
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill,UsePss
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=1
ReturnToService=2
MinJobAge=300
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
GresTypes=gpu
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(getconf _NPROCESSORS_ONLN) RealMemory=$megabytes Gres=gpu:1 State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
END
  echo "NodeName=$host Name=gpu File=/dev/null" > "$folder/gres.conf"
}

start() {
  [ "$(id -u)" = 0 ] || fail "must be run as root"
  installed || fail "munged, slurmctld and slurmd must be installed first"
  getent hosts "$host" > /dev/null || fail "the name of this machine, $host, does not resolve"
  [ ! -e "$usual/slurm.conf" ] || fail "$usual/slurm.conf is there: SLURM is in use on this machine"
  mkdir -p "$folder/state" "$folder/spool" "$usual"
  write_configuration
  ln -sf "$folder/slurm.conf" "$folder/gres.conf" "$usual/"

  # An authentication service of our own, so as not to meddle with one that is there.
  head -c 1024 /dev/urandom > "$folder/munge.key"
  chmod 600 "$folder/munge.key"
  munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --seed-file="$folder/munge.seed" \
    --pid-file="$folder/munged.pid" --log-file="$folder/munged.log"
  slurmctld -c
  slurmd -c
  for _ in $(seq 100); do
    if sinfo --noheader --format %t 2> /dev/null | grep -q idle; then
      sinfo --format "%n %t, %c CPUs, %m MB, %G"
      return
    fi
    sleep 0.2
  done
  tail -n 20 "$folder"/*.log >&2
  stop
  fail "the node did not come up within 20 s"
}

# Whether a process runs this daemon (Debian calls its file slurmd-wlm, and so on); not so for a zombie.
runs() { [[ "$(readlink "/proc/$2/exe" || true)" == */"$1"* ]]; }

stop() {
  for daemon in slurmd slurmctld munged; do
    [ -s "$folder/$daemon.pid" ] || continue
    pid=$(cat "$folder/$daemon.pid")
    for attempt in $(seq 50); do
      runs "$daemon" "$pid" || break
      [ "$attempt" -gt 1 ] || kill "$pid"
      sleep 0.1
    done
  done
  for file in slurm.conf gres.conf; do
    if [ "$(readlink "$usual/$file" || true)" = "$folder/$file" ]; then rm "$usual/$file"; fi
  done
}

case $action in
  install | start | stop) "$action" ;;
  *) usage ;;
esac

#!/bin/bash
# Experiments on a real Slurm and a real HyperQueue, broken in the middle: a node dies, a job is
# preempted, another one's time runs out, a task of HyperQueue is killed. Every experiment must end once, with the
# bits of the run of a single machine.
#
# usage: run.sh [slurm] [hyperqueue]      XRDMATCH: the binary; needs root
#
# Each node is a slurmd in process and host-name namespaces of its own, so that one cannot see
# another's processes, as between machines; killing its first process kills all of it at once.
set -u
binary=$(realpath "${XRDMATCH:?the binary to test}")
tests=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
steps=${*:-slurm hyperqueue}
export SLURM_CONF=$work/slurm.conf
mine=()

not_run() {
    echo "NOT RUN: $1" >&2
    [ -z "${XRDMATCH_REQUIRE_SLURM:-}" ] || failed=1
}
fail() {
    echo "FAILED: $1" >&2
    tail -n 5 "$work"/*.log "$work"/runs/*.slurm/*.txt 2>/dev/null >&2
    exit 1
}
cleanup() {
    for process in "${mine[@]}"; do kill -9 "$process" 2>/dev/null; done
    wait 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
say() { echo "$(date +%T) $*"; }
# Waits for a condition, a shell command, for some seconds.
await() {
    local seconds=$1 what=$2
    shift 2
    for _ in $(seq $((seconds * 5))); do
        if eval "$*" >/dev/null 2>&1; then return; fi
        sleep 0.2
    done
    fail "not within $seconds s: $what"
}

train=(train --demo --config "$tests/small.toml" --no-baselines --threads 1 --claim-seconds 10)
experiments=6
# Epochs times iterations of small.toml.
steps_of_one=$((120 * 120))
cd "$work" || exit 1

reference() {
    [ -e runs/whole ] && return
    "$binary" "${train[@]}" --run runs/whole --experiments 0..$experiments --jobs 2 -q >reference.log 2>&1 || fail "the reference run"
    say "single machine: $experiments experiments complete"
}

# Every one of the first experiments of a run ended once, with the bits of the single machine's.
same() {
    local run=$1 least=$2 count=$3 resumed=0
    for experiment in $(seq 0 $((count - 1))); do
        local name one whole finished epochs
        name=$(printf exp_%03d "$experiment")
        one=runs/$run/$name whole=runs/whole/$name
        [ -e "$one/result.json" ] || fail "$one is not complete"
        finished=$(grep -c '"event":"finished"' "$one/events.jsonl")
        [ "$finished" -eq 1 ] || fail "$one ended $finished times"
        epochs() { grep -o '"epoch":[0-9]*' "$1/events.jsonl" | sort | uniq -c; }
        [ "$(epochs "$one")" = "$(epochs "$whole")" ] || fail "$one has other epochs"
        for file in split.json predictions.csv; do
            cmp -s "$one/$file" "$whole/$file" || fail "$one/$file differs"
        done
        for file in "$whole"/checkpoints/*/*.safetensors; do
            cmp -s "$file" "$one/${file#"$whole"/}" || fail "$one/${file#"$whole"/} differs"
        done
        resumed=$((resumed + $(grep -c '"event":"resumed"' "$one/events.jsonl")))
    done
    cmp -s "runs/$run/encoder.safetensors" runs/whole/encoder.safetensors || fail "the encoder of $run differs"
    if find "runs/$run" -name '.tmp-*' | grep -q .; then fail "$run has files in the making"; fi
    [ "$resumed" -ge "$least" ] || fail "only $resumed experiments of $run were interrupted; the test tests nothing"
    say "$run: every experiment ended once, bitwise as on one machine; $resumed continuations"
}

slurm() {
    if ! command -v slurmctld slurmd sbatch >/dev/null; then
        [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null &&
            { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
                apt-get install -y -qq --no-install-recommends slurm-wlm; } >install.log 2>&1
    fi
    command -v slurmctld slurmd sbatch >/dev/null || { not_run "Slurm: slurm-wlm cannot be installed"; return; }
    unshare --uts --pid --fork --mount-proc true 2>/dev/null ||
        { not_run "Slurm: this system allows no namespaces"; return; }
    local host
    host=$(hostname -s)
    cat >slurm.conf <<END
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/none
CredType=cred/none
SlurmctldPort=17800
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.%n.pid
SlurmdSpoolDir=$work/spool.%n
StateSaveLocation=$work/state
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SlurmdTimeout=5
KillWait=10
ReturnToService=2
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=17801 CPUs=1 State=UNKNOWN
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=17802 CPUs=1 State=UNKNOWN
PartitionName=low Nodes=n1,n2 Default=YES PriorityTier=1 MaxTime=60
PartitionName=high Nodes=n1,n2 PriorityTier=10 MaxTime=60
END
    mkdir -p state
    slurmctld -D -c 2>>slurmctld.err &
    mine+=($!)
    declare -A node
    start_node() {
        unshare --uts --pid --fork --kill-child --mount-proc sh -c "hostname $1; exec slurmd -D -N $1" 2>>"$1.err" &
        mine+=($!)
        node[$1]=$!
    }
    start_node n1
    start_node n2
    await 20 "two nodes" '[ "$(sinfo -h -N -p low -t idle | wc -l)" -eq 2 ]'
    say "$(slurmd -V): two nodes"
    "$binary" slurm --experiments 0..$experiments --tasks $experiments --cpus 1 --memory 0 --time 10 \
        --partition low --submit -- "${train[@]}" --jobs 1 --run runs/slurm || fail "xrdmatch slurm --submit"
    # The task of the array that a node works at, as Slurm names it (41_3): its job's number alone may
    # stand for the whole array.
    task_on() { squeue -h -t R -p low -w "$1" -o %i | head -n 1; }
    # Whether a node works at an experiment that has a checkpoint and is not half done, so that what
    # breaks it does so in the middle. Experiments go by array index less one.
    in_the_middle() {
        local task newest
        task=$(task_on "$1")
        [ -n "$task" ] || return
        newest=$(ls "$(printf 'runs/slurm/exp_%03d/checkpoints' $((${task#*_} - 1)))" | grep -x '[0-9]*' | tail -n 1)
        [ -n "$newest" ] && [ $((10#$newest)) -lt $((steps_of_one / 2)) ]
    }
    # Slurm lets what was queued again wait for two minutes; the test does not.
    hurry() {
        squeue -h -r -t PD -o '%i %r' | while read -r job reason; do
            [ "$reason" = BeginTime ] && scontrol update "JobId=$job" StartTime=now
        done
        true
    }
    # What waits is kept back, so that a quick node cannot do all of it before the next break.
    keep_back() { squeue -h -r -t PD -p low -n slurm -o %i | xargs -r -n 1 scontrol "$1" 2>>scontrol.err; }

    await 60 "work on n2" 'in_the_middle n2'
    keep_back hold
    say "n2 dies, with job $(task_on n2)"
    kill -9 "$(pgrep -P "${node[n2]}")"
    await 30 "Slurm sees it" 'sinfo -h -N -n n2 -o %t | grep -q down'
    start_node n2
    await 30 "n2 is back" 'sinfo -h -N -n n2 -o %t | grep -qE "idle|alloc|mix"'
    keep_back release

    await 90 "work on both" 'hurry; in_the_middle n1 && in_the_middle n2'
    local preempted
    preempted=$(task_on n1)
    say "a job of higher priority comes: $preempted is preempted"
    sbatch -p high -w n1 -c 1 --mem 0 -o /dev/null --wrap 'sleep 2' >/dev/null || fail "sbatch"
    await 30 "it runs" '[ -n "$(squeue -h -t R -p high -o %A)" ]'
    await 60 "it has run" '[ -z "$(squeue -h -p high -o %A)" ]'

    local warned
    await 90 "work on n2" 'hurry; in_the_middle n2'
    warned=$(task_on n2)
    say "time runs out for $warned"
    scancel --batch --signal=USR1 "$warned" || fail "scancel"
    await 30 "it is queued again" '[ -z "$(squeue -h -t R,CG -p low -j "$warned" -o %i)" ]'
    await 240 "the array has ended, and the job after it" 'hurry; [ -z "$(squeue -h)" ]'
    same slurm 3 $experiments
    [ -s runs/slurm.slurm/report.html ] && [ -s runs/slurm.slurm/protocol.txt ] || fail "no report followed"
    say "the job after the array has evaluated and reported"

    "$binary" slurm --separate --experiments 0..2 --cpus 1 --memory 0 --time 10 --partition low --submit -- \
        "${train[@]}" --jobs 1 --run runs/apart || fail "xrdmatch slurm --separate --submit"
    await 240 "two runs of their own, and the job that merges them" 'hurry; [ -z "$(squeue -h)" ]'
    same apart 0 2
    [ -s runs/apart.slurm/report.html ] || fail "no report of the merged run followed"
}

# HyperQueue through its Python package, which brings server and workers in one process: a task is
# killed, and the same job is submitted again.
hyperqueue() {
    { python3 -m venv hq && hq/bin/pip install --quiet hyperqueue==0.27.0; } >hq-install.log 2>&1
    hq/bin/python -c 'import hyperqueue' 2>/dev/null ||
        { not_run "HyperQueue: the package cannot be installed from PyPI"; return; }
    say "HyperQueue 0.27.0: two workers, one task is killed, the job is submitted again"
    timeout 240 hq/bin/python "$tests/hyperqueue_job.py" runs/hq $experiments \
        "$binary" "${train[@]}" --run runs/hq --jobs 1 --experiments 0..$experiments -q >hq.log 2>&1 ||
        fail "HyperQueue (exit code $?)"
    same hq 1 $experiments
}

failed=0
reference
for step in $steps; do $step; done
exit $failed

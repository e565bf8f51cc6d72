# To be sourced. simulator BINARY: symbols and strings of the simulator or the demo provider that are in it.
simulator() {
    nm "$1" 2>/dev/null | awk '{print $NF}' | grep -E '^(sim_|quote_sim|mock_|answer_begin|job_read)' | head
    strings -a "$1" | grep -E 'sim/[a-z_]+\.c|mock_provider/|SIMULATED MEASUREMENT' | head
}

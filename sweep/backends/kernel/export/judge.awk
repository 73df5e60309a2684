# judge.awk - what the check measured against what the recommendation states: awk -f judge.awk stated LOG
# A line of `stated`: metric, what of the check stands for it (exit, retained, or -), lowest and highest ratio to
# per_object. A ratio is judged by its median over the rounds; the stated range is widened by `tolerance`, but a
# stated gain must be a gain.
# Exit code 1: the log shows no complete round, or a ratio is worse than stated.
function field(name,   at, rest) {
	at = match($0, name "=[^ ]*")
	return at ? substr($0, RSTART + length(name) + 1, RLENGTH - length(name) - 1) : ""
}
function sorted(kind,   i, j, v) { # ratios of all rounds into s[1 .. n]
	n = 0
	for (i = 1; i <= rounds; i++) {
		if (!((kind, "baseline", i) in of) || !((kind, "recommended", i) in of)) continue
		if (of[kind, "baseline", i] <= 0) continue
		v = of[kind, "recommended", i] / of[kind, "baseline", i]
		for (j = n++; j > 0 && s[j] > v; j--) s[j + 1] = s[j]
		s[j + 1] = v
	}
	return n
}
FNR == 1 { files++ }
files == 1 {
	if ($0 !~ /^#/ && NF == 4) { lines++; metric[lines] = $1; kind[lines] = $2; low[lines] = $3; high[lines] = $4 }
	next
}
/ role=(baseline|recommended) .* ok$/ {
	round = field("round") + 0
	if (round > rounds) rounds = round
	of["exit", field("role"), round] = field("exit_ns")
	of["retained", field("role"), round] = field("retained_bytes")
}
END {
	if (!sorted("exit") || !sorted("retained")) { print "not confirmed: the log shows no complete round"; exit 1 }
	names["exit"] = "mean exit time"; names["retained"] = "mean retained memory"
	for (k in names) {
		sorted(k)
		median[k] = (s[int((n + 1) / 2)] + s[int(n / 2) + 1]) / 2
		said[k] = sprintf("%.3f of per_object's (%.3f .. %.3f in %d rounds)", median[k], s[1], s[n], n)
	}
	print names["exit"] ": " said["exit"]
	print names["retained"] ": " said["retained"]
	for (i = 1; i <= lines; i++) {
		if (kind[i] == "-") { print metric[i] ": not judged here"; continue }
		judged++
		verdict = "as stated"
		bound = high[i] * (1 + tolerance)
		if (high[i] < 1 && bound > 1) bound = 1 # what is stated to gain must not lose
		if (median[kind[i]] > bound) { verdict = "WORSE than stated"; worse++ }
		else if (median[kind[i]] < low[i] * (1 - tolerance)) verdict = "better than stated"
		printf "%s: stated %.3f .. %.3f, %s %.3f: %s\n", metric[i], low[i], high[i], names[kind[i]], median[kind[i]], verdict
	}
	if (worse) { print "not confirmed: worse than the recommendation states"; exit 1 }
	if (!judged) { print "works; nothing was judged: what is stated cannot be seen in this check"; exit 0 }
	if (median["exit"] > 1 && median["retained"] > 1) trade = "costs exit time and memory"
	else if (median["exit"] > 1) trade = "trades exit time for memory"
	else if (median["retained"] > 1) trade = "trades memory for exit time"
	else trade = "costs neither exit time nor memory"
	print "confirmed: against per_object it " trade ", within what the recommendation states"
}

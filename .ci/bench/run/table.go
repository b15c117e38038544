package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// titles name the peers in the table.
var titles = map[string]string{"raw": "limit", "sockd": "sockd", "node": "Node socket.io", "python": "python-socketio"}

// publish prints the table and writes the file.
func (b *stand) publish(results []result) error {
	var md bytes.Buffer
	b.preface(&md)
	b.table(&md, results)
	fmt.Print("\n", md.String())
	if b.out == "" {
		return nil
	}
	return os.WriteFile(b.out, md.Bytes(), 0o644)
}

func (b *stand) preface(w *bytes.Buffer) {
	again := "make bench"
	if b.full {
		again = "FULL=1 make bench"
	}
	fmt.Fprintf(w, "# Benchmarks\n\nWritten by `%s`, which measures all of it anew on your machine.\n\n", again)
	fmt.Fprint(w, "*limit* is a C program that sends the same bytes with one `send` per socket and batch and does nothing else. ")
	if b.pinned {
		fmt.Fprint(w, "Each server has one core for itself, the generator (`sockd bench`) another. ")
	} else {
		fmt.Fprint(w, "Server and generator were not pinned to cores. ")
	}
	fmt.Fprintf(w, "The peers take turns; a figure is the median of %d. Events are 128-byte strings over WebSocket on loopback.\n", b.runs)
	fmt.Fprint(w, "Ratios hold better than absolute figures: compare columns, and on a machine with other work to do trust CPU time more than throughput.\n\n")
	fmt.Fprintf(w, "%s\n\n", strings.Join(b.circumstances(), " · "))
}

// circumstances are machine, date and versions.
func (b *stand) circumstances() []string {
	facts := []string{
		time.Now().UTC().Format(time.DateOnly), fmt.Sprintf("%d × %s", runtime.NumCPU(), processor()), memoryOfMachine(),
		"Linux " + firstLine("uname", "-r"), firstLine(b.sockd, "version"), "built with " + runtime.Version(), "Node " + firstLine("node", "--version"),
		"socket.io " + firstLine("node", "-p", `JSON.parse(require("fs").readFileSync(`+strconv.Quote(b.peers+"/../node_modules/socket.io/package.json")+`)).version`),
	}
	if b.python != "" {
		facts = append(facts, firstLine(b.python, "--version"),
			"python-socketio "+firstLine(b.python, "-c", "import importlib.metadata as m; print(m.version('python-socketio'))"))
	}
	return facts
}

func firstLine(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	line, _, _ := strings.Cut(string(out), "\n")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(line)
}

func processor() string { return procField("/proc/cpuinfo", "model name", "unknown processor") }

func memoryOfMachine() string {
	kb, _ := strconv.ParseFloat(strings.TrimSuffix(procField("/proc/meminfo", "MemTotal", "0"), " kB"), 64)
	return fmt.Sprintf("%.0f GB", kb/(1<<20))
}

func procField(file, key, otherwise string) string {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return otherwise
}

func (b *stand) table(w *bytes.Buffer, results []result) {
	peers := b.available()
	fmt.Fprint(w, "| load | figure |")
	for _, p := range peers {
		fmt.Fprintf(w, " %s |", titles[p])
	}
	fmt.Fprint(w, " sockd : limit |")
	for _, p := range peers[2:] {
		fmt.Fprintf(w, " sockd : %s |", p)
	}
	fmt.Fprint(w, "\n|---|---|"+strings.Repeat("--:|", 2*len(peers)-1)+"\n")
	for _, res := range results {
		for i, f := range res.row.shown {
			name := res.row.name
			if i > 0 {
				name = ""
			}
			line(w, &res, name, f, peers)
		}
		flawLine(w, &res, peers)
	}
	fmt.Fprint(w, "\nA ratio says how many times better sockd is, whichever way is better; with the limit it is the part that sockd reaches.\n"+
		"Lost is what had not arrived when nothing came any more for ten seconds.\n")
}

func line(w *bytes.Buffer, res *result, name string, f figure, peers []string) {
	fmt.Fprintf(w, "| %s | %s |", name, f.name)
	for _, p := range peers {
		fmt.Fprintf(w, " %s |", cell(res.median(p, f)))
	}
	own, _ := res.median("sockd", f)
	for _, p := range peers {
		if p == "sockd" {
			continue
		}
		other, ok := res.median(p, f)
		fmt.Fprintf(w, " %s |", cell(ratio(own, other, f.less), ok && own > 0 && other > 0))
	}
	fmt.Fprintln(w)
}

// flawLine shows what was lost, doubled and failed.
func flawLine(w *bytes.Buffer, res *result, peers []string) {
	fmt.Fprint(w, "| | lost, doubled, errors |")
	for _, p := range peers {
		if len(res.reports[p]) == 0 {
			fmt.Fprint(w, " – |")
			continue
		}
		lost, doubled, faults := res.flaws(p)
		fmt.Fprintf(w, " %d, %d, %d |", lost, doubled, faults)
	}
	fmt.Fprintln(w, strings.Repeat(" |", len(peers)-1))
}

// ratio is how many times better own is.
func ratio(own, other float64, less bool) float64 {
	if less {
		return other / own
	}
	return own / other
}

func cell(v float64, ok bool) string {
	if !ok {
		return "–"
	}
	return number(v)
}

// number has three digits that count, and a space between thousands.
func number(v float64) string {
	if math.Abs(v) < 100 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	s := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

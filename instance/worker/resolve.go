package worker

import (
	"context"
	"fmt"
	"hash/fnv"
	"os"
	"slices"

	"github.com/sockd/sockd/instance/worker/interpreter"
)

// Plan is how a worker is started.
type Plan struct {
	Choice interpreter.Choice
	Trials []interpreter.Trial // every rule that was asked
	Argv   []string
	Env    []string // all of it, sorted
	Dir    string
}

// Resolve finds the interpreter and puts the environment together, as every start does. It reads files and may run an interpreter once, so it may take
// seconds. The trials are there also when it returns an error. detector may be nil; one that is kept remembers what interpreters have answered.
func Resolve(ctx context.Context, o Options, detector *interpreter.Detector) (Plan, error) {
	if detector == nil {
		detector = new(interpreter.Detector)
	}
	if o.System == nil {
		o.System = os.Environ()
	}
	base := inherited(o.System)
	own, err := o.own(base)
	if err != nil {
		return Plan{}, err
	}
	if info, err := os.Stat(o.Project); err != nil || !info.IsDir() {
		return Plan{}, fmt.Errorf("project %s: no such folder", o.Project)
	}
	choice, trials, err := detector.Detect(ctx, o.spec(own))
	plan := Plan{Choice: choice, Trials: trials, Dir: o.Project}
	if err != nil {
		return plan, err
	}
	plan.Argv, plan.Env = choice.Argv, o.environ(base, own, choice)
	return plan, nil
}

func (o Options) spec(own map[string]string) interpreter.Spec {
	return interpreter.Spec{Project: o.Project, Command: o.Command, Interpreter: o.Interpreter, Env: own, System: o.System}
}

// same reports whether two plans start the same process.
func (p Plan) same(q Plan) bool {
	return p.Dir == q.Dir && p.Choice.Version == q.Choice.Version && slices.Equal(p.Argv, q.Argv) && slices.Equal(p.Env, q.Env)
}

// lesser reports whether p is only what is left while the environment of q is away, as it is while a tool makes it anew. A process that
// runs is not given up for that.
func (p Plan) lesser(q Plan) bool {
	return p.Choice.Broken != "" || p.Choice.Note != "" && q.Choice.Note == ""
}

// key is everything that a process is started with, the content of the environment's files included.
func (o Options) key() string {
	sum := fnv.New128a()
	for _, f := range o.EnvFiles {
		text, err := os.ReadFile(absolute(o.Project, f))
		fmt.Fprintf(sum, "%q %v %q\n", f, err == nil, text)
	}
	return fmt.Sprintf("%q %q %q %q %q %q %d %x", o.Instance, o.Project, o.Command, o.Interpreter, o.Env, o.URL, o.Port, sum.Sum(nil))
}

// markers are the files whose change may mean another plan.
func (o Options) markers() []string {
	files := append(interpreter.Markers(o.spec(nil)), o.EnvFiles...)
	if _, err := os.Stat(o.Project); err != nil {
		files = append(files, o.Project)
	}
	return files
}

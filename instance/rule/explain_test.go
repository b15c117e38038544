package rule_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance/rule"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	s := compile(t, rules{
		"chat.message": {When: `.args[0] == 1`, To: config.Strings{"all"}},
		"chat.*":       {Drop: true},
		"*":            {From: []string{"http"}},
		"other":        {},
		"connect":      {},
	}, map[string]rules{"/n": {"chat.message": {}}})
	for _, c := range []struct {
		name string
		in   *rule.Input
		want []string
	}{
		{"without arguments", &rule.Input{Event: "chat.message", Namespace: "/"}, []string{
			`chat.message true the exact name, if when is true`,
			`connect false the name does not match`,
			`other false the name does not match`,
			`chat.* true a glob with 5 literal characters, and drops it`,
			`* false from does not list client`,
			` false not needed, "chat.*" takes it`,
		}},
		{"with arguments", event("chat.message", "1"), []string{
			`chat.message true the exact name, and when is true`,
			`connect false the name does not match`,
			`other false the name does not match`,
			`chat.* false a glob with 5 literal characters, and drops it, but "chat.message" is asked first`,
			`* false from does not list client`,
			` false not needed, "chat.message" takes it`,
		}},
		{"none", event("x", "1"), []string{
			`chat.message false the name does not match`,
			`connect false the name does not match`,
			`other false the name does not match`,
			`chat.* false the name does not match`,
			`* false from does not list client`,
			` false no rule: it is dropped as no_rule`,
		}},
		{"in a namespace", &rule.Input{Event: "chat.message", Namespace: "/n", Source: rule.HTTP}, []string{
			`/n chat.message true the exact name`,
			`connect false the name does not match`,
			`other false the name does not match`,
			`chat.* false a glob with 5 literal characters, and drops it, but "chat.message" is asked first`,
			`* false a glob with 0 literal characters, but "chat.message" is asked first`,
			` false not needed, "chat.message" takes it`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, x := range s.Explain(c.in) {
				line := fmt.Sprintf("%s %v %s", x.Rule, x.Takes, x.Why)
				if x.Namespace != "" {
					line = x.Namespace + " " + line
				}
				got = append(got, line)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%q, want\n%q", got, c.want)
			}
		})
	}
}

func TestExplainAHub(t *testing.T) {
	t.Parallel()
	got := compile(t, nil).Explain(&rule.Input{Event: "x"})
	if len(got) != 1 || !got[0].Takes || got[0].Rule != "" {
		t.Errorf("got %+v", got)
	}
}

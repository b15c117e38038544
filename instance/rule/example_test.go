package rule_test

import (
	"encoding/json"
	"fmt"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance/rule"
)

// A chat room: who sends a message is taken from the token and not from the message.
func ExampleSet_Eval() {
	set, err := rule.Compile(&config.Instance{On: map[string]*config.Rule{
		"message": {To: config.Strings{"room:{0.room}"}, Args: `[{text: .args[0].text, from: .claims.sub}]`},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	var d rule.Decision
	set.Eval(&rule.Input{
		Event: "message", Namespace: "/", Payload: rule.JSON(`["message",{"room":"lobby","text":"hi","from":"somebody else"}]`),
		Peer: &rule.Peer{SID: "S1", Claims: json.RawMessage(`{"sub":"ann"}`)},
	}, &d)
	for _, e := range d.Emits {
		fmt.Printf("%s to %v\n", e.Args[0], e.To.Rooms)
	}

	set.Eval(&rule.Input{Event: "message", Namespace: "/", Payload: rule.JSON(`["message",{}]`)}, &d)
	fmt.Println(d.Refusal())
	// Output:
	// {"from":"ann","text":"hi"} to [lobby]
	// placeholder to: placeholder {0.room}: no value
}

// A driver for an agent on opamp-go: `go build -o driver driver.go`, `opamp-conformance run --driver ./driver`.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/open-telemetry/opamp-go/client"
	"github.com/open-telemetry/opamp-go/client/types"
	pb "github.com/open-telemetry/opamp-go/protobufs"
)

type request struct {
	Id         int
	Verb       string
	Url        string
	State      string
	Healthy    bool
	Error      string
	Attributes map[string]string
}

type driver struct {
	agent     client.OpAMPClient
	startedAt uint64
}

func (d *driver) start(r request) error {
	if strings.HasPrefix(r.Url, "ws") {
		d.agent = client.NewWebSocket(nil)
	} else {
		http := client.NewHTTP(nil)
		http.SetPollingInterval(time.Second)
		d.agent = http
	}
	d.startedAt = uint64(time.Now().UnixNano())
	capabilities := pb.AgentCapabilities_AgentCapabilities_ReportsHealth
	for _, set := range []error{
		d.agent.SetAgentDescription(description(nil)),
		d.health(request{Healthy: true}),
		d.agent.SetCapabilities(&capabilities),
	} {
		if set != nil {
			return set
		}
	}
	return d.agent.Start(context.Background(), types.StartSettings{
		OpAMPServerURL: r.Url,
		InstanceUid:    instanceUid(filepath.Join(r.State, "instance_uid")),
		Callbacks: types.Callbacks{OnMessage: func(_ context.Context, message *types.MessageData) {
			if given := message.AgentIdentification; given != nil {
				_ = os.WriteFile(filepath.Join(r.State, "instance_uid"), given.NewInstanceUid, 0o600)
			}
		}},
	})
}

func (d *driver) stop(request) error {
	if d.agent == nil {
		return nil
	}
	stopped := d.agent.Stop(context.Background())
	d.agent = nil
	return stopped
}

func (d *driver) health(r request) error {
	return d.agent.SetHealth(&pb.ComponentHealth{
		Healthy: r.Healthy, LastError: r.Error, StartTimeUnixNano: d.startedAt, StatusTimeUnixNano: uint64(time.Now().UnixNano()),
	})
}

func (d *driver) describe(r request) error {
	return d.agent.SetAgentDescription(description(r.Attributes))
}

func description(more map[string]string) *pb.AgentDescription {
	described := &pb.AgentDescription{IdentifyingAttributes: []*pb.KeyValue{attribute("service.name", "go-agent")}}
	for key, value := range more {
		described.NonIdentifyingAttributes = append(described.NonIdentifyingAttributes, attribute(key, value))
	}
	return described
}

func attribute(key, value string) *pb.KeyValue {
	return &pb.KeyValue{Key: key, Value: &pb.AnyValue{Value: &pb.AnyValue_StringValue{StringValue: value}}}
}

// instanceUid returns the instance_uid in a file, or a new one that it keeps there.
func instanceUid(path string) types.InstanceUid {
	if kept, err := os.ReadFile(path); err == nil && len(kept) == 16 {
		return types.InstanceUid(kept)
	}
	uid := uuid.Must(uuid.NewV7())
	_ = os.WriteFile(path, uid[:], 0o600)
	return types.InstanceUid(uid)
}

func main() {
	d := &driver{}
	verbs := map[string]func(request) error{"start": d.start, "stop": d.stop, "health": d.health, "describe": d.describe}
	fmt.Println(`{"verbs": ["start", "stop", "health", "describe"]}`)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var r request
		err := json.Unmarshal(lines.Bytes(), &r)
		if err == nil {
			err = fmt.Errorf("there is no verb %q", r.Verb)
			if verb, exists := verbs[r.Verb]; exists {
				err = verb(r)
			}
		}
		answer := map[string]any{"id": r.Id, "ok": err == nil}
		if err != nil {
			answer["error"] = err.Error()
		}
		encoded, _ := json.Marshal(answer)
		fmt.Println(string(encoded))
	}
	_ = d.stop(request{})
}

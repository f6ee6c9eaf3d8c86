// A test of an agent on opamp-go: `go test`.
package agent

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/open-telemetry/opamp-go/client"
	"github.com/open-telemetry/opamp-go/client/types"
	pb "github.com/open-telemetry/opamp-go/protobufs"
)

var url = cmp.Or(os.Getenv("OPAMP_URL"), "http://127.0.0.1:4320/v1/opamp")

type message struct {
	Number      int    `json:"number"`
	InstanceUid string `json:"instance_uid"`
	Received    struct {
		RemoteConfigStatus struct {
			Status string `json:"status"`
		} `json:"remote_config_status"`
	} `json:"received"`
}

func ask(t *testing.T, method, path string, body any) []byte {
	t.Helper()
	encoded, err := json.Marshal(body)
	check(t, err)
	request, err := http.NewRequest(method, strings.Replace(url, "/v1/opamp", "/control", 1)+path, bytes.NewReader(encoded))
	check(t, err)
	response, err := http.DefaultClient.Do(request)
	check(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	check(t, err)
	if response.StatusCode >= 400 {
		t.Fatalf("%s: %s", path, text)
	}
	return text
}

// expect returns the first message that matches, and waits for it if it has not come.
func expect(t *testing.T, query string) message {
	t.Helper()
	var told struct{ Messages []message }
	check(t, json.Unmarshal(ask(t, "GET", "/messages?within=10&"+query, nil), &told))
	if len(told.Messages) == 0 {
		t.Fatalf("no message with %s", query)
	}
	return told.Messages[0]
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func startAgent(t *testing.T) {
	agent := client.NewHTTP(nil)
	agent.SetPollingInterval(200 * time.Millisecond)
	name := &pb.AnyValue{Value: &pb.AnyValue_StringValue{StringValue: "example"}}
	check(t, agent.SetAgentDescription(&pb.AgentDescription{
		IdentifyingAttributes: []*pb.KeyValue{{Key: "service.name", Value: name}},
	}))
	capabilities := pb.AgentCapabilities_AgentCapabilities_AcceptsRemoteConfig |
		pb.AgentCapabilities_AgentCapabilities_ReportsRemoteConfig
	check(t, agent.SetCapabilities(&capabilities))
	onMessage := func(_ context.Context, message *types.MessageData) {
		if message.RemoteConfig == nil {
			return
		}
		_ = agent.SetRemoteConfigStatus(&pb.RemoteConfigStatus{
			LastRemoteConfigHash: message.RemoteConfig.ConfigHash,
			Status:               pb.RemoteConfigStatuses_RemoteConfigStatuses_APPLIED,
		})
	}
	check(t, agent.Start(context.Background(), types.StartSettings{
		OpAMPServerURL: url,
		InstanceUid:    types.InstanceUid(uuid.Must(uuid.NewV7())),
		Callbacks:      types.Callbacks{OnMessage: onMessage},
	}))
	t.Cleanup(func() { _ = agent.Stop(context.Background()) })
}

func TestAnAgentAppliesWhatItIsOfferedAndFindsItsWayBack(t *testing.T) {
	ask(t, "POST", "/reset", nil)
	startAgent(t)
	first := expect(t, "has=agent_description")
	uid := first.InstanceUid

	file := map[string]string{"body": base64.StdEncoding.EncodeToString([]byte("logs: debug"))}
	offer := map[string]any{"config_map": map[string]any{"main.yaml": file}}
	ask(t, "PUT", "/agents/"+uid+"/remote_config", offer)
	told := expect(t, fmt.Sprintf("agent=%s&has=remote_config_status&after=%d", uid, first.Number))
	if status := told.Received.RemoteConfigStatus.Status; status != "RemoteConfigStatuses_APPLIED" {
		t.Fatalf("the configuration is %s", status)
	}

	ask(t, "DELETE", "/connections", nil)
	var kept struct{ Newest int }
	check(t, json.Unmarshal(ask(t, "GET", "/messages?limit=1", nil), &kept))
	expect(t, fmt.Sprintf("agent=%s&after=%d", uid, kept.Newest))
}

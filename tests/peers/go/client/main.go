// An agent on opamp-go's HTTP client that asks for a new instance_uid, adopts it, and checks in under it.
// `client URL AUTHORIZATION`: prints a line of JSON for each answer; ends after two of them.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/open-telemetry/opamp-go/client"
	"github.com/open-telemetry/opamp-go/client/types"
	pb "github.com/open-telemetry/opamp-go/protobufs"
)

type answer struct {
	NewInstanceUid string `json:"new_instance_uid"`
	Error          string `json:"error"`
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	answers := make(chan answer, 10)
	agent := client.NewHTTP(nil)
	name := &pb.AnyValue{Value: &pb.AnyValue_StringValue{StringValue: "go-agent"}}
	check(agent.SetAgentDescription(&pb.AgentDescription{
		IdentifyingAttributes: []*pb.KeyValue{{Key: "service.name", Value: name}},
	}))
	health := &pb.ComponentHealth{Healthy: true, Status: "first"}
	check(agent.SetHealth(health))
	capabilities := pb.AgentCapabilities_AgentCapabilities_ReportsHealth
	check(agent.SetCapabilities(&capabilities))
	agent.SetFlags(pb.AgentToServerFlags_AgentToServerFlags_RequestInstanceUid)

	check(agent.Start(context.Background(), types.StartSettings{
		OpAMPServerURL: os.Args[1],
		Header:         http.Header{"Authorization": {os.Args[2]}},
		InstanceUid:    types.InstanceUid(uuid.Must(uuid.NewV7())),
		Callbacks: types.Callbacks{
			OnMessage: func(_ context.Context, message *types.MessageData) {
				answers <- answer{NewInstanceUid: hex.EncodeToString(message.AgentIdentification.GetNewInstanceUid())}
			},
			OnError: func(_ context.Context, err *pb.ServerErrorResponse) {
				answers <- answer{Error: err.ErrorMessage}
			},
		},
	}))

	for range 2 {
		select {
		case received := <-answers:
			check(json.NewEncoder(os.Stdout).Encode(received))
		case <-time.After(10 * time.Second):
			log.Fatal("no answer")
		}
		health.Status = "second"
		check(agent.SetHealth(health)) // a change to report, so a check-in
	}
	check(agent.Stop(context.Background()))
}

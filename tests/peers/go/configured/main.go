// An agent on opamp-go's clients that applies what it is offered, over HTTP or, with a ws:// URL, over WebSocket.
// `configured URL AUTHORIZATION`: prints each configuration as a line of JSON, and ends after the second.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/open-telemetry/opamp-go/client"
	"github.com/open-telemetry/opamp-go/client/types"
	pb "github.com/open-telemetry/opamp-go/protobufs"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	var agent client.OpAMPClient
	if strings.HasPrefix(os.Args[1], "ws") {
		agent = client.NewWebSocket(nil)
	} else {
		http := client.NewHTTP(nil)
		http.SetPollingInterval(200 * time.Millisecond)
		agent = http
	}
	name := &pb.AnyValue{Value: &pb.AnyValue_StringValue{StringValue: "go-agent"}}
	check(agent.SetAgentDescription(&pb.AgentDescription{
		IdentifyingAttributes: []*pb.KeyValue{{Key: "service.name", Value: name}},
	}))
	check(agent.SetHealth(&pb.ComponentHealth{Healthy: true}))
	capabilities := pb.AgentCapabilities_AgentCapabilities_ReportsHealth |
		pb.AgentCapabilities_AgentCapabilities_AcceptsRemoteConfig |
		pb.AgentCapabilities_AgentCapabilities_ReportsRemoteConfig
	check(agent.SetCapabilities(&capabilities))

	offers := make(chan *pb.AgentRemoteConfig, 10)
	check(agent.Start(context.Background(), types.StartSettings{
		OpAMPServerURL: os.Args[1],
		Header:         http.Header{"Authorization": {os.Args[2]}},
		InstanceUid:    types.InstanceUid(uuid.Must(uuid.NewV7())),
		Callbacks: types.Callbacks{
			OnMessage: func(_ context.Context, message *types.MessageData) {
				if message.RemoteConfig != nil {
					offers <- message.RemoteConfig
				}
			},
		},
	}))

	for range 2 {
		select {
		case offer := <-offers:
			files := map[string]string{}
			for name, file := range offer.Config.ConfigMap {
				files[name] = string(file.Body)
			}
			check(json.NewEncoder(os.Stdout).Encode(files))
			check(agent.SetRemoteConfigStatus(&pb.RemoteConfigStatus{
				LastRemoteConfigHash: offer.ConfigHash,
				Status:               pb.RemoteConfigStatuses_RemoteConfigStatuses_APPLIED,
			}))
		case <-time.After(15 * time.Second):
			log.Fatal("no offer")
		}
	}
	time.Sleep(time.Second) // The status is sent in the background.
	check(agent.Stop(context.Background()))
}

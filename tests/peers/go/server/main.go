// The smallest server that opamp-go's server package makes: it acknowledges whatever comes.
// Prints its URL when it listens; ends on SIGTERM.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	pb "github.com/open-telemetry/opamp-go/protobufs"
	"github.com/open-telemetry/opamp-go/server"
	"github.com/open-telemetry/opamp-go/server/types"
)

func acknowledge(_ context.Context, _ types.Connection, message *pb.AgentToServer) *pb.ServerToAgent {
	return &pb.ServerToAgent{
		InstanceUid:  message.InstanceUid,
		Capabilities: uint64(pb.ServerCapabilities_ServerCapabilities_AcceptsStatus),
	}
}

func accept(*http.Request) types.ConnectionResponse {
	return types.ConnectionResponse{
		Accept:              true,
		ConnectionCallbacks: types.ConnectionCallbacks{OnMessage: acknowledge},
	}
}

func main() {
	opamp := server.New(nil)
	settings := server.StartSettings{ListenEndpoint: "127.0.0.1:0"}
	settings.Callbacks = types.Callbacks{OnConnecting: accept}
	if err := opamp.Start(settings); err != nil {
		log.Fatal(err)
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	fmt.Printf("http://%s/v1/opamp\n", opamp.Addr())
	<-ended
}

// Sends events with the client library of Beats (elastic/go-lumber), and says how many were acknowledged.
//
//	beats ADDRESS COMPRESSION_LEVEL COUNT MESSAGE
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	lumber "github.com/elastic/go-lumber/client/v2"
)

func main() {
	level, _ := strconv.Atoi(os.Args[2])
	count, _ := strconv.Atoi(os.Args[3])
	client, err := lumber.SyncDial(os.Args[1], lumber.CompressionLevel(level), lumber.Timeout(20*time.Second))
	if err != nil {
		panic(err)
	}
	events := make([]interface{}, count)
	for at := range events {
		events[at] = map[string]interface{}{
			"@timestamp": time.Now().UTC().Format(time.RFC3339Nano),
			"message":    os.Args[4],
			"host":       map[string]interface{}{"name": "web01"},
			"agent":      map[string]interface{}{"type": "filebeat"},
		}
	}
	acknowledged, err := client.Send(events)
	if err != nil {
		panic(err)
	}
	fmt.Println(acknowledged)
}

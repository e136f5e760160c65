// Command eventrouting keeps Lambda event source mappings, one per event type,
// and the concurrency they need, as EventRouting documents declare them.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/eventrouting/eventrouting/controller/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends what does not end by itself
	if os.Getenv(command.RuntimeVariable) != "" && len(os.Args) == 1 {
		command.ServeLambda(ctx)
		return
	}
	os.Exit(command.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

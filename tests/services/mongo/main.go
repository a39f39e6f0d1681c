// Command ferretdb is a MongoDB-wire server kept in SQLite, for the tests: a mongod is in no package
// registry. It prints its URL once it answers, and ends when its standard input does, so that it
// never outlives a test that was killed.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	address := flag.String("address", "127.0.0.1:0", "where to listen")
	folder := flag.String("folder", "", "where the SQLite files are kept; a folder of its own, removed at the end, when empty")
	flag.Parse()
	if err := run(*address, *folder); err != nil {
		log.Fatal(err)
	}
}

func run(address, folder string) error {
	if folder == "" {
		temporary, err := os.MkdirTemp("", "ferretdb-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temporary)
		folder = temporary
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: "127.0.0.1:0"},
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		Handler:   "sqlite",
		SQLiteURL: "file:" + folder + "/",
	})
	if err != nil {
		return err
	}
	until, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	go func() {
		inner := strings.TrimSuffix(strings.TrimPrefix(server.MongoDBURI(), "mongodb://"), "/")
		fmt.Printf("mongodb://%s/\n", listener.Addr())
		front := atomic{target: inner}
		log.Print(front.serve(listener))
		stop()
	}()
	return server.Run(until)
}

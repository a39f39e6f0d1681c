package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"net"
	"sync"
)

// FerretDB 1.24 looks for the documents of an update and writes them in two steps, so that of
// several writers who compare and set at once more than one is told that it won. In MongoDB a change
// of one document is atomic. atomic stands in front of FerretDB and lets one changing command at a
// time through, which makes it so.
type atomic struct {
	target   string
	changing sync.Mutex
}

// The commands that look first and then write.
var changes = map[string]bool{"update": true, "delete": true, "findAndModify": true, "findandmodify": true}

// https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
const (
	headerLength = 16
	longest      = 64 << 20
	opMsg        = 2013
)

func (a *atomic) serve(listener net.Listener) error {
	for {
		client, err := listener.Accept()
		if err != nil {
			return err
		}
		go a.talk(client)
	}
}

// talk carries one connection's requests to FerretDB and its replies back. A request has one reply.
func (a *atomic) talk(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", a.target)
	if err != nil {
		log.Print(err)
		return
	}
	defer server.Close()
	for {
		request, err := readMessage(client)
		if err != nil {
			return
		}
		reply, err := a.ask(server, request)
		if err != nil {
			return
		}
		if _, err := client.Write(reply); err != nil {
			return
		}
	}
}

func (a *atomic) ask(server net.Conn, request []byte) ([]byte, error) {
	if changes[command(request)] {
		a.changing.Lock()
		defer a.changing.Unlock()
	}
	if _, err := server.Write(request); err != nil {
		return nil, err
	}
	return readMessage(server)
}

func readMessage(from io.Reader) ([]byte, error) {
	header := make([]byte, headerLength)
	if _, err := io.ReadFull(from, header); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint32(header)
	if length < headerLength || length > longest {
		return nil, errors.New("no message has this length")
	}
	message := append(header, make([]byte, length-headerLength)...)
	_, err := io.ReadFull(from, message[headerLength:])
	return message, err
}

// command is the name of a request's command: the first key of its body, which drivers send first.
func command(message []byte) string {
	const flags, kind, size, bsonType = 4, 1, 4, 1
	const name = headerLength + flags + kind + size + bsonType
	if len(message) <= name || binary.LittleEndian.Uint32(message[12:]) != opMsg || message[headerLength+flags] != 0 {
		return ""
	}
	key, _, _ := bytes.Cut(message[name:], []byte{0})
	return string(key)
}

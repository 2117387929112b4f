// A TLS server and a client in Go over PEM files that certlet wrote: both show their certificate and check the other's.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"time"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	return value
}

// pair reads a certificate and its key from two files, or from one that holds both.
func pair(names string) tls.Certificate {
	files := strings.Split(names, ",")
	return must(tls.LoadX509KeyPair(files[0], files[len(files)-1]))
}

func main() {
	authority := x509.NewCertPool()
	if !authority.AppendCertsFromPEM(must(os.ReadFile(os.Args[3]))) {
		fmt.Println("failed: no certificate in", os.Args[3])
		os.Exit(1)
	}
	listening := must(tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{pair(os.Args[1])},
		ClientCAs:    authority,
		ClientAuth:   tls.RequireAndVerifyClientCert,
	}))
	go func() {
		connection := must(listening.Accept()).(*tls.Conn)
		_ = connection.SetDeadline(time.Now().Add(20 * time.Second))
		_ = must(connection.Read(make([]byte, 1)))
		_ = must(connection.Write([]byte(connection.ConnectionState().PeerCertificates[0].DNSNames[0])))
	}()
	connection := must(tls.Dial("tcp", listening.Addr().String(), &tls.Config{
		Certificates: []tls.Certificate{pair(os.Args[2])},
		RootCAs:      authority,
		ServerName:   "localhost",
	}))
	_ = connection.SetDeadline(time.Now().Add(20 * time.Second))
	_ = must(connection.Write([]byte("?")))
	answer := make([]byte, 100)
	length := must(connection.Read(answer))
	fmt.Println(string(answer[:length]), tls.VersionName(connection.ConnectionState().Version))
}

// Command floor measures the least time in which this control plane can deliver a certificate to anybody.
//
// It does what every certificate needs and nothing else: make a P-256 key and a signing request, create a
// CertificateRequest, see it Ready with a certificate on a watch that has been open since before the first one,
// delete it. There is no client-side rate limit. The time of one iteration runs from before the key is made until the
// Ready object is decoded from the watch; the deletion is not in it, though it is in perSecond, which counts whole
// iterations by the wall clock (with --keep nothing is deleted and neither is counted). A driver's own numbers are
// judged as ratios to these, taken on the same machine in the same run. The result is one line of JSON on standard
// output.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/clientcmd"

	apiutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	clientset "github.com/cert-manager/cert-manager/pkg/client/clientset/versioned"
	cmclient "github.com/cert-manager/cert-manager/pkg/client/clientset/versioned/typed/certmanager/v1"
)

const runLabel = "certlet.test/floor"

type settings struct {
	kubeconfig, namespace, issuer, issuerKind string
	count, concurrency                        int
	timeout                                   time.Duration
	keep                                      bool
}

type result struct {
	Milliseconds []float64 `json:"milliseconds"`
	PerSecond    float64   `json:"perSecond"`
	// CPUMilliseconds is the processor time that this program itself took for one iteration.
	CPUMilliseconds float64 `json:"cpuMilliseconds"`
}

// bench is one run: its client, and who waits for which request.
type bench struct {
	settings
	run      string
	requests cmclient.CertificateRequestInterface
	waiting  sync.Map // request name -> chan error, buffered, answered once
}

func main() {
	var given settings
	flag.StringVar(&given.kubeconfig, "kubeconfig", "", "path of the kubeconfig")
	flag.StringVar(&given.namespace, "namespace", "default", "namespace of the requests")
	flag.StringVar(&given.issuer, "issuer", "ca", "name of an issuer whose requests are approved automatically")
	flag.StringVar(&given.issuerKind, "issuer-kind", "Issuer", "Issuer or ClusterIssuer")
	flag.IntVar(&given.count, "n", 100, "iterations")
	flag.IntVar(&given.concurrency, "concurrency", 1, "iterations at once")
	flag.DurationVar(&given.timeout, "timeout", time.Minute, "longest wait for one certificate")
	flag.BoolVar(&given.keep, "keep", false, "leave the requests in the cluster")
	flag.Parse()
	measured, err := measure(context.Background(), given)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(measured)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, given settings) (result, error) {
	config, err := clientcmd.BuildConfigFromFlags("", given.kubeconfig)
	if err != nil {
		return result{}, err
	}
	config.QPS = -1
	client, err := clientset.NewForConfig(config)
	if err != nil {
		return result{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	b := &bench{
		settings: given,
		run:      fmt.Sprintf("floor-%d-%d", os.Getpid(), time.Now().UnixNano()),
		requests: client.CertmanagerV1().CertificateRequests(given.namespace),
	}
	events, err := b.requests.Watch(ctx, metav1.ListOptions{LabelSelector: runLabel + "=" + b.run})
	if err != nil {
		return result{}, err
	}
	defer events.Stop()
	go func() { cancel(b.follow(events)) }()

	took := make([]float64, given.count)
	var next atomic.Int64
	var workers sync.WaitGroup
	start, used := time.Now(), processorTime()
	for range given.concurrency {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < given.count && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				duration, err := b.once(ctx, fmt.Sprintf("%s-%d", b.run, i))
				if err != nil {
					cancel(err)
					return
				}
				took[i] = math.Round(float64(duration.Microseconds())) / 1000
			}
		})
	}
	workers.Wait()
	if ctx.Err() != nil {
		return result{}, context.Cause(ctx)
	}
	perSecond := float64(given.count) / time.Since(start).Seconds()
	perIteration := (processorTime() - used) / time.Duration(given.count)
	return result{
		Milliseconds:    took,
		PerSecond:       math.Round(perSecond*100) / 100,
		CPUMilliseconds: math.Round(float64(perIteration.Microseconds())) / 1000,
	}, nil
}

// processorTime is what this process has taken so far, its own code's and the kernel's for it.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err) // It fails for a bad argument only.
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// once is one iteration; the duration is that from before the key is made to the Ready object on the watch.
func (b *bench) once(ctx context.Context, name string) (time.Duration, error) {
	start := time.Now()
	request, err := b.newRequest(name)
	if err != nil {
		return 0, err
	}
	answer := make(chan error, 1)
	b.waiting.Store(name, answer)
	if _, err := b.requests.Create(ctx, request, metav1.CreateOptions{}); err != nil {
		return 0, err
	}
	timeout := time.NewTimer(b.timeout)
	defer timeout.Stop()
	var took time.Duration
	select {
	case err := <-answer:
		took = time.Since(start)
		if err != nil {
			return 0, err
		}
	case <-timeout.C:
		return 0, fmt.Errorf("%s was not ready after %s", name, b.timeout)
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	if b.keep {
		return took, nil
	}
	return took, b.requests.Delete(ctx, name, metav1.DeleteOptions{})
}

// follow answers those who wait, until the watch ends.
func (b *bench) follow(events watch.Interface) error {
	for event := range events.ResultChan() {
		request, ok := event.Object.(*cmapi.CertificateRequest)
		if !ok {
			return fmt.Errorf("the watch said %s: %v", event.Type, event.Object)
		}
		var answer error
		switch reason := apiutil.CertificateRequestReadyReason(request); {
		case event.Type == watch.Deleted:
			continue
		case reason == cmapi.CertificateRequestReasonIssued && len(request.Status.Certificate) > 0:
		case reason == cmapi.CertificateRequestReasonFailed, reason == cmapi.CertificateRequestReasonDenied:
			answer = fmt.Errorf("%s: %s", request.Name, reason)
		default:
			continue
		}
		if waiter, found := b.waiting.LoadAndDelete(request.Name); found {
			waiter.(chan error) <- answer
		}
	}
	return errors.New("the watch ended early")
}

func (b *bench) newRequest(name string) (*cmapi.CertificateRequest, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject:  pkix.Name{CommonName: "floor.example.com"},
		DNSNames: []string{"floor.example.com"},
	}, key)
	if err != nil {
		return nil, err
	}
	return &cmapi.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{runLabel: b.run}},
		Spec: cmapi.CertificateRequestSpec{
			Request:   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}),
			IssuerRef: cmmeta.IssuerReference{Name: b.issuer, Kind: b.issuerKind, Group: "cert-manager.io"},
			Usages:    []cmapi.KeyUsage{cmapi.UsageDigitalSignature, cmapi.UsageServerAuth, cmapi.UsageClientAuth},
		},
	}, nil
}

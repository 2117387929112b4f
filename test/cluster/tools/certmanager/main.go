// Command certmanager runs the real cert-manager controllers that issue certificates, against any API server.
//
// cert-manager's own command is a separate module that is not published; its controllers are, in the root module. This
// program starts them as that command does: the same context factory, feature gates, client limits and worker count.
// Left out are ACME, Vault, Venafi, the Certificate controllers, leader election and the admission webhook. Without
// the webhook a CertificateRequest is not validated beyond its CRD schema, and nobody asks whether the one who sets
// the Approved condition has the verb "approve" on the signer.
//
// The approver is cert-manager's own, with one addition: it does not look at requests whose issuer is named in
// --manual-issuers, so that a test can let an approval come late, or deny it. (In a real cluster the same is done with
// the RBAC of approveSignerNames, which only the webhook enforces.)
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"

	cmlisters "github.com/cert-manager/cert-manager/pkg/client/listers/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/controller"
	"github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/approver"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/ca"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/controller/clusterissuers"
	_ "github.com/cert-manager/cert-manager/pkg/controller/issuers"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
)

// workers is the default of cert-manager's own command: it shapes how fast many requests are signed.
const workers = 5

// readyLine is what the control plane waits for on standard output.
const readyLine = "certmanager: controllers are running"

type settings struct {
	kubeconfig               string
	clusterResourceNamespace string
	approver                 bool
	manualIssuers            map[string]bool
}

func main() {
	given := settings{manualIssuers: map[string]bool{}}
	manual := flag.String("manual-issuers", "", "names of issuers, with commas, whose requests the approver leaves alone")
	flag.StringVar(&given.kubeconfig, "kubeconfig", "", "path of the kubeconfig")
	flag.StringVar(&given.clusterResourceNamespace, "cluster-resource-namespace", "cert-manager", "of ClusterIssuers")
	flag.BoolVar(&given.approver, "approver", true, "approve requests automatically")
	flag.Parse()
	for name := range strings.SplitSeq(*manual, ",") {
		if name != "" {
			given.manualIssuers[name] = true
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, given); err != nil {
		fmt.Fprintln(os.Stderr, "certmanager:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, given settings) error {
	factory, err := controller.NewContextFactory(ctx, controller.ContextOptions{
		Kubeconfig:         given.kubeconfig,
		KubernetesAPIQPS:   20,
		KubernetesAPIBurst: 50,
		IssuerOptions:      controller.IssuerOptions{ClusterResourceNamespace: given.clusterResourceNamespace},
	})
	if err != nil {
		return err
	}
	if len(given.manualIssuers) > 0 {
		controller.Register(approver.ControllerName, func(factory *controller.ContextFactory) (controller.Interface, error) {
			selective := &selectiveApprover{manualIssuers: given.manualIssuers}
			return controller.NewBuilder(factory, approver.ControllerName).For(selective).Complete()
		})
	}
	// Controllers register their informers when they are made, so every one of them is made before any informer starts.
	made := map[string]controller.Interface{}
	for name, construct := range controller.Known() {
		if name == approver.ControllerName && !given.approver {
			continue
		}
		if made[name], err = construct(factory); err != nil {
			return fmt.Errorf("controller %s: %w", name, err)
		}
	}
	shared, err := factory.Build()
	if err != nil {
		return err
	}
	shared.SharedInformerFactory.Start(ctx.Done())
	shared.KubeSharedInformerFactory.Start(ctx.Done())
	shared.HTTP01ResourceMetadataInformersFactory.Start(ctx.Done())

	failures := make(chan error, len(made))
	var running sync.WaitGroup
	for name, one := range made {
		running.Go(func() {
			if err := one.Run(workers, ctx); err != nil && ctx.Err() == nil {
				failures <- fmt.Errorf("controller %s: %w", name, err)
			}
		})
	}
	for kind, synced := range shared.SharedInformerFactory.WaitForCacheSync(ctx.Done()) {
		if !synced && ctx.Err() == nil {
			return fmt.Errorf("the informer of %v did not sync", kind)
		}
	}
	fmt.Println(readyLine)
	select {
	case err := <-failures:
		return err
	case <-ctx.Done():
		running.Wait()
		return nil
	}
}

// selectiveApprover is cert-manager's approver, blind for the requests of some issuers.
type selectiveApprover struct {
	approver.Controller
	manualIssuers map[string]bool
	requests      cmlisters.CertificateRequestLister
}

func (a *selectiveApprover) Register(
	ctx *controller.Context,
) (workqueue.TypedRateLimitingInterface[types.NamespacedName], []cache.InformerSynced, error) {
	a.requests = ctx.SharedInformerFactory.Certmanager().V1().CertificateRequests().Lister()
	return a.Controller.Register(ctx)
}

func (a *selectiveApprover) ProcessItem(ctx context.Context, key types.NamespacedName) error {
	request, err := a.requests.CertificateRequests(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if a.manualIssuers[request.Spec.IssuerRef.Name] {
		return nil
	}
	return a.Controller.ProcessItem(ctx, key)
}

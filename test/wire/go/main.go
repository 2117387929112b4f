// A kubelet's stand-in on grpc-go, which is what real kubelets are made of: it makes the calls of the Container Storage
// Interface with the standard's own Go types on a unix socket, and prints one JSON object for each answer. What the answers
// should be is the test's to say. The socket is the only argument.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

type answer struct {
	Call    string `json:"call"`
	Code    string `json:"code"`
	Message string `json:"message,omitempty"`
	Value   any    `json:"value,omitempty"`
}

func say(call string, value any, err error) {
	line, _ := json.Marshal(answer{Call: call, Code: status.Code(err).String(), Message: message(err), Value: value})
	fmt.Println(string(line))
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return status.Convert(err).Message()
}

func publishRequest(volume string) *csi.NodePublishVolumeRequest {
	return &csi.NodePublishVolumeRequest{
		VolumeId:   volume,
		TargetPath: "/pods/uid/volumes/kubernetes.io~csi/tls/mount",
		Readonly:   true,
		VolumeCapability: &csi.VolumeCapability{
			AccessMode: &csi.VolumeCapability_AccessMode{Mode: csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
			AccessType: &csi.VolumeCapability_Mount{Mount: &csi.VolumeCapability_MountVolume{
				MountFlags:       []string{"context=\"system_u:object_r:container_file_t:s0:c1,c2\""},
				VolumeMountGroup: "2000",
			}},
		},
		VolumeContext: map[string]string{
			"csi.storage.k8s.io/ephemeral":  "true",
			"csi.cert-manager.io/dns-names": "müller.example",
		},
	}
}

func within(limit time.Duration, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return call(ctx)
}

func identity(conn *grpc.ClientConn) {
	client := csi.NewIdentityClient(conn)
	_ = within(10*time.Second, func(ctx context.Context) error {
		info, err := client.GetPluginInfo(ctx, &csi.GetPluginInfoRequest{})
		say("GetPluginInfo", info.GetName(), err)
		capabilities, err := client.GetPluginCapabilities(ctx, &csi.GetPluginCapabilitiesRequest{})
		say("GetPluginCapabilities", len(capabilities.GetCapabilities()), err)
		probe, err := client.Probe(ctx, &csi.ProbeRequest{})
		say("Probe", probe.GetReady().GetValue(), err)
		return err
	})
}

func node(client csi.NodeClient) {
	_ = within(10*time.Second, func(ctx context.Context) error {
		info, err := client.NodeGetInfo(ctx, &csi.NodeGetInfoRequest{})
		say("NodeGetInfo", info.GetNodeId(), err)
		capabilities, err := client.NodeGetCapabilities(ctx, &csi.NodeGetCapabilitiesRequest{})
		types := []string{}
		for _, capability := range capabilities.GetCapabilities() {
			types = append(types, capability.GetRpc().GetType().String())
		}
		say("NodeGetCapabilities", types, err)
		_, err = client.NodeStageVolume(ctx, &csi.NodeStageVolumeRequest{VolumeId: "v"})
		say("NodeStageVolume", nil, err)
		return err
	})
}

// What a kubelet of an older standard reads beside the statistics; these Go types do not know it any more.
func condition(stats *csi.NodeGetVolumeStatsResponse) []byte {
	_, _, tag := protowire.ConsumeTag(stats.ProtoReflect().GetUnknown())
	text, _ := protowire.ConsumeBytes(stats.ProtoReflect().GetUnknown()[tag:])
	return text
}

func healthOf(client csi.NodeClient, volume string) {
	_ = within(10*time.Second, func(ctx context.Context) error {
		stats, err := client.NodeGetVolumeStats(ctx, &csi.NodeGetVolumeStatsRequest{VolumeId: volume, VolumePath: "/pods/x"})
		value := map[string]any{}
		if err == nil {
			for _, usage := range stats.GetUsage() {
				value[usage.GetUnit().String()] = []int64{usage.GetTotal(), usage.GetUsed(), usage.GetAvailable()}
			}
			value["abnormal"] = condition(stats)[1] == 1
		}
		say("stats of "+volume, value, err)
		health, err := client.NodeGetVolumeHealth(ctx, &csi.NodeGetVolumeHealthRequest{VolumeId: volume})
		entries := []string{health.GetVolumeHealth().GetVolumeId()}
		for _, entry := range health.GetVolumeHealth().GetHealthStatuses() {
			entries = append(entries, entry.GetStatus().String(), entry.GetReason(), entry.GetMessage())
		}
		say("health of "+volume, entries, err)
		_, err = client.NodeGetVolumeStats(ctx, &csi.NodeGetVolumeStatsRequest{VolumeId: volume})
		say("stats nowhere", nil, err)
		return err
	})
}

func publish(client csi.NodeClient, volume string, limit time.Duration) error {
	return within(limit, func(ctx context.Context) error {
		_, err := client.NodePublishVolume(ctx, publishRequest(volume))
		return err
	})
}

func volumes(client csi.NodeClient) {
	say("publish", nil, publish(client, "csi-ok", 120*time.Second))
	say("publish denied", nil, publish(client, "csi-denied", 120*time.Second))
	say("publish past its deadline", nil, publish(client, "csi-waits", 500*time.Millisecond))
	ctx, cancel := context.WithCancel(context.Background())
	cancelled := make(chan error)
	go func() {
		_, err := client.NodePublishVolume(ctx, publishRequest("csi-cancelled"))
		cancelled <- err
	}()
	// The test's driver answers this one only when it has seen the call that is to be cancelled.
	say("publish beside", nil, publish(client, "csi-beside", 120*time.Second))
	cancel()
	say("publish cancelled", nil, <-cancelled)
	_ = within(10*time.Second, func(ctx context.Context) error {
		_, err := client.NodeUnpublishVolume(ctx, &csi.NodeUnpublishVolumeRequest{VolumeId: "csi-ok", TargetPath: "/pods/x"})
		say("unpublish", nil, err)
		_, err = client.NodeUnpublishVolume(ctx, &csi.NodeUnpublishVolumeRequest{VolumeId: "csi-ok"})
		say("unpublish nowhere", nil, err)
		return err
	})
}

func main() {
	conn, err := grpc.NewClient("unix://"+os.Args[1],
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("localhost"))
	if err != nil {
		say("connect", nil, status.Error(codes.Unknown, err.Error()))
		os.Exit(1)
	}
	defer conn.Close()
	identity(conn)
	client := csi.NewNodeClient(conn)
	node(client)
	healthOf(client, "csi-late")
	healthOf(client, "csi-unknown")
	volumes(client)
}

{{- define "certlet.name" -}}
{{- .Values.fullnameOverride | default .Values.nameOverride | default "certlet" | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "certlet.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "certlet.name" .) -}}
{{- end }}

{{- define "certlet.selector" -}}
app.kubernetes.io/name: {{ include "certlet.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "certlet.labels" -}}
{{ include "certlet.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: node-plugin
app.kubernetes.io/part-of: certlet
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* Whether the image is one of the driver that certlet replaces: its values name it, and certlet cannot run from it. */ -}}
{{- define "certlet.isOtherImage" -}}
{{- if or (contains "cert-manager-csi-driver" .Values.image.repository) (and (not .Values.image.repository) (eq (.Values.image.name | default "") "cert-manager-csi-driver")) -}}true{{- end -}}
{{- end }}

{{- define "certlet.image" -}}
{{- if include "certlet.isOtherImage" . -}}
certlet:{{ .Chart.AppVersion }}
{{- else -}}
{{- with .Values.image.registry | default (and .Values.image.name .Values.imageRegistry) }}{{ . }}/{{ end -}}
{{- if and .Values.image.name (not .Values.image.repository) .Values.imageNamespace }}{{ .Values.imageNamespace }}/{{ end -}}
{{- .Values.image.repository | default .Values.image.name | default "certlet" -}}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end -}}
{{- end -}}
{{- end }}

{{- /* A path without slashes to spare. */ -}}
{{- define "certlet.path" -}}
{{ regexReplaceAll "/+" . "/" | trimSuffix "/" }}
{{- end }}

{{- define "certlet.kubeletRoot" -}}
{{ include "certlet.path" .Values.app.kubeletRootDir }}
{{- end }}

{{- define "certlet.pluginFolder" -}}
{{ include "certlet.kubeletRoot" . }}/plugins/{{ .Values.app.driver.name }}
{{- end }}

{{- define "certlet.isOtherFolder" -}}
{{- if eq (include "certlet.path" .Values.app.driver.csiDataDir) "/tmp/cert-manager-csi-driver" }}true{{ end -}}
{{- end }}

{{- /* The other driver's default folder is on a disk, and certlet's records belong in memory. */ -}}
{{- define "certlet.dataRoot" -}}
{{- if include "certlet.isOtherFolder" . -}}/run/certlet{{- else -}}{{ include "certlet.path" .Values.app.driver.csiDataDir }}{{- end -}}
{{- end }}

{{- /* What these values say that has no meaning here, one setting a line. */ -}}
{{- define "certlet.ignored" -}}
{{- range $name := list "livenessProbeImage" "nodeDriverRegistrarImage" -}}
{{- if index $.Values $name }}{{ $name }}: certlet needs no helper, it is one container
{{ end -}}
{{- end -}}
{{- if include "certlet.isOtherImage" . }}image: it names cert-manager's csi-driver, certlet's own is used
{{ end -}}
{{- if include "certlet.isOtherFolder" . }}app.driver.csiDataDir: the other driver's default, certlet keeps its records in /run/certlet
{{ end -}}
{{- if .Values.app.driver.gateBackoff }}app.driver.gateBackoff: certlet does not poll, a watch tells it when a gate opens
{{ end -}}
{{- end }}

{{- /* Seconds of a duration as Go writes it. */ -}}
{{- define "certlet.seconds" -}}
{{- $total := 0.0 -}}
{{- range $part := regexFindAll "[0-9]+(\\.[0-9]+)?(ns|us|ms|s|m|h)" . -1 -}}
{{- $unit := regexFind "[a-z]+" $part -}}
{{- $factor := get (dict "ns" 0.000000001 "us" 0.000001 "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0) $unit -}}
{{- $total = addf $total (mulf (trimSuffix $unit $part | float64) $factor) -}}
{{- end -}}
{{- $total -}}
{{- end }}

{{- /* One rule: a setting's name, its values, what they have to match, and what that is in words. */ -}}
{{- define "certlet.rule" -}}
{{- $setting := index . 0 -}}
{{- range $value := index . 1 -}}
{{- if not (regexMatch (index $ 2) (toString $value)) -}}
{{- fail (printf "%s must be %s, not %q" $setting (index $ 3) (toString $value)) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- /* What the schema cannot say: refused here, before anything is installed, with a sentence. */ -}}
{{- define "certlet.check" -}}
{{- $driver := .Values.app.driver -}}
{{- $path := "^(/+[^/\\s]+)+/*$" -}}
{{- $duration := "^([0-9]+(\\.[0-9]+)?(ns|us|ms|s|m|h))+$" -}}
{{- $name := "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" -}}
{{- $aName := "a Kubernetes name: lower case letters, digits and hyphens" -}}
{{- $aDuration := "a duration such as 90s or 1m30s" -}}
{{- $gates := "pod-ip:any|ipv4|ipv6, pod-condition:TYPE[=True|False|Unknown] or pod-annotation:KEY" -}}
{{- $status := "(?i:true|false|unknown)" -}}
{{- $gate := printf "^(pod-ip:(any|ipv4|ipv6)|pod-condition:[^=\\s,]+(=%s)?|pod-annotation:[^=\\s,]+)$" $status -}}
{{- $label := "[a-z0-9]([a-z0-9-]*[a-z0-9])?" -}}
{{- $domain := printf "^%s(\\.%s)*$" $label $label -}}
{{- $backoff := $driver.gateBackoff | default dict -}}
{{- range $rule := list
  (list "app.kubeletRootDir" (list .Values.app.kubeletRootDir) $path "an absolute path")
  (list "app.driver.csiDataDir" (list $driver.csiDataDir) $path "an absolute path")
  (list "app.driver.name" (list $driver.name) $domain "a domain name in lower case")
  (list "app.driver.clusterDomain" (list $driver.clusterDomain) $domain "a domain name in lower case")
  (list "app.driver.podReadinessGates" $driver.podReadinessGates $gate $gates)
  (list "app.driver.trustBundles" $driver.trustBundles "^([*]|[a-z0-9:.-]{1,253})$" "names of objects, or * for all")
  (list "app.driver.publishTimeout" (list $driver.publishTimeout) $duration $aDuration)
  (list "app.driver.volumeSizeLimit" (list $driver.volumeSizeLimit) "^[0-9]{1,12}(Ki|Mi|Gi)?$" "a size such as 512Ki or 4Mi")
  (list "app.driver.gateBackoff.duration" (list ($backoff.duration | default "1s")) $duration $aDuration)
  (list "app.driver.gateBackoff.cap" (list ($backoff.cap | default "10s")) $duration $aDuration)
  (list "image.digest" (list .Values.image.digest) "^(sha256:[0-9a-f]{64})?$" "sha256: and 64 hexadecimal digits")
  (list "metrics.podmonitor.interval" (list .Values.metrics.podmonitor.interval) $duration $aDuration)
  (list "metrics.podmonitor.scrapeTimeout" (list .Values.metrics.podmonitor.scrapeTimeout) $duration $aDuration)
  (list "nameOverride" (list (.Values.nameOverride | default "certlet")) $name $aName)
  (list "fullnameOverride" (list (.Values.fullnameOverride | default "certlet")) $name $aName)
-}}
{{- include "certlet.rule" $rule -}}
{{- end -}}
{{- range $setting, $path := dict "app.kubeletRootDir" .Values.app.kubeletRootDir "app.driver.csiDataDir" $driver.csiDataDir -}}
{{- if regexMatch "/\\.\\.?(/|$)" $path -}}
{{- fail (printf "%s must be a path without \".\" and \"..\", not %q" $setting $path) -}}
{{- end -}}
{{- end -}}
{{- range $setting, $duration := dict "app.driver.gateBackoff.duration" $backoff.duration "app.driver.gateBackoff.cap" $backoff.cap -}}
{{- if gt (include "certlet.seconds" ($duration | default "1s") | float64) 3600.0 -}}
{{- fail (printf "%s must be at most 1h, not %s" $setting $duration) -}}
{{- end -}}
{{- end -}}
{{- $socket := printf "%s/csi.sock" (include "certlet.pluginFolder" .) -}}
{{- if gt (len $socket) 107 -}}
{{- fail (printf "app.kubeletRootDir and app.driver.name must be shorter: the socket's path %q has more than the 107 bytes that a kernel takes" $socket) -}}
{{- end -}}
{{- if and .Values.metrics.enabled (eq (toString .Values.metrics.port) (toString .Values.app.livenessProbe.port)) -}}
{{- fail (printf "metrics.port and app.livenessProbe.port must differ: both are %v" .Values.metrics.port) -}}
{{- end -}}
{{- if and $driver.podReadinessGates (not $driver.continueOnNotReady) -}}
{{- fail "app.driver.podReadinessGates need app.driver.continueOnNotReady=true: gates open only after the volume was answered" -}}
{{- end -}}
{{- $seconds := include "certlet.seconds" $driver.publishTimeout | float64 -}}
{{- if or (lt $seconds 1.0) (gt $seconds 115.0) -}}
{{- fail (printf "app.driver.publishTimeout must be from 1s to 115s, not %s: the kubelet gives up a call after 2m" $driver.publishTimeout) -}}
{{- end -}}
{{- $size := $driver.volumeSizeLimit -}}
{{- $factor := get (dict "" 1 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824) (regexFind "[A-Za-z]*$" $size) -}}
{{- $bytes := mul (regexFind "^[0-9]+" $size | int64) $factor -}}
{{- if or (lt $bytes 65536) (gt $bytes 17179869184) -}}
{{- fail (printf "app.driver.volumeSizeLimit must be from 64Ki to 16Gi, not %s" $size) -}}
{{- end -}}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) -}}
{{- fail "serviceAccount.create=false needs serviceAccount.name: the ServiceAccount that exists already" -}}
{{- end -}}
{{- end }}

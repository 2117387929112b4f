{{- define "certlet.name" -}}
{{- .Values.nameOverride | default "certlet" | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "certlet.selector" -}}
app.kubernetes.io/name: {{ include "certlet.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "certlet.labels" -}}
{{ include "certlet.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "certlet.image" -}}
{{- with .Values.image.registry }}{{ . }}/{{ end -}}
{{- .Values.image.repository -}}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end -}}
{{- end }}

{{- define "certlet.pluginFolder" -}}
{{ .Values.app.kubeletRootDir }}/plugins/{{ .Values.app.driver.name }}
{{- end }}

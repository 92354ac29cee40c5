{{- /* What each process of the image gets: its environment, its files, its rights. */ -}}

{{- /* Settings of the role go before those of the color, and these before those of all: (dict "top" $ "color" "blue" "role" "api"). In JSON. */ -}}
{{- define "atlaspay.settings" -}}
{{- $role := index .top.Values.roles .role -}}
{{- $color := index .top.Values.colors .color -}}
{{- mergeOverwrite (dict "NODE_ENV" "production") (deepCopy .top.Values.settings) (deepCopy $color.settings) (deepCopy (default (dict) $role.settings)) | toJson -}}
{{- end -}}

{{- /* (dict "top" $ "color" "blue" "role" "api"). */ -}}
{{- define "atlaspay.environment" -}}
{{- $role := index .top.Values.roles .role -}}
{{- $settings := include "atlaspay.settings" . | fromYaml -}}
- name: ROLES
  value: {{ .role | quote }}
{{- range $name, $value := $settings }}
- name: {{ $name }}
  value: {{ include "atlaspay.text" $value | quote }}
{{- end }}
{{- range $name, $where := .top.Values.secrets.names }}
{{- if has $.role (default (list $.role) $where.roles) }}
- name: {{ $name }}_FILE
  value: /run/secrets/atlaspay/{{ $name }}
{{- end }}
{{- end }}
{{- if .top.Values.providers.existingConfigMap }}
- name: PROVIDERS_FILE
  value: /etc/atlaspay/providers/{{ .top.Values.providers.key }}
{{- end }}
{{- include "atlaspay.certificateVariables" .top }}
{{- with concat .top.Values.pods.extraEnv (default (list) $role.extraEnv) }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "atlaspay.certificateVariables" -}}
{{- if .Values.certificates.authorities.existingConfigMap }}
- name: NODE_EXTRA_CA_CERTS
  value: /etc/atlaspay/authorities/{{ .Values.certificates.authorities.key }}
{{- end }}
{{- range list "redis" "database" "nats" }}
{{- $store := index $.Values.certificates . }}
{{- if $store.existingSecret }}
{{- $folder := printf "/run/secrets/%s" . }}
{{- $prefix := upper . }}
{{- range $suffix, $file := dict "CA_FILE" $store.authority "CERT_FILE" $store.certificate "KEY_FILE" $store.key }}
{{- if $file }}
- name: {{ $prefix }}_{{ $suffix }}
  value: {{ $folder }}/{{ $file }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* The role is empty for the migrations, which need the database alone. */ -}}
{{- define "atlaspay.mounts" -}}
{{- $role := default (dict) (get .top.Values.roles .role) -}}
- name: temporary
  mountPath: /tmp
- name: secrets
  mountPath: /run/secrets/atlaspay
  readOnly: true
{{- with .top.Values.certificates }}
{{- if .authorities.existingConfigMap }}
- name: authorities
  mountPath: /etc/atlaspay/authorities
  readOnly: true
{{- end }}
{{- range $store := list "redis" "database" "nats" }}
{{- if (index $.top.Values.certificates $store).existingSecret }}
- name: {{ $store }}-certificates
  mountPath: /run/secrets/{{ $store }}
  readOnly: true
{{- end }}
{{- end }}
{{- end }}
{{- if .role }}
{{- if .top.Values.providers.existingConfigMap }}
- name: providers
  mountPath: /etc/atlaspay/providers
  readOnly: true
{{- end }}
{{- if .top.Values.providers.existingSecret }}
- name: provider-secrets
  mountPath: /run/secrets/providers
  readOnly: true
{{- end }}
{{- if and (eq .role "bank-files") .top.Values.bankFiles.existingClaim }}
- name: bank-files
  mountPath: {{ .top.Values.bankFiles.mountPath }}
{{- end }}
{{- with concat .top.Values.pods.extraVolumeMounts (default (list) $role.extraVolumeMounts) }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "atlaspay.volumes" -}}
{{- $role := default (dict) (get .top.Values.roles .role) -}}
{{- $top := .top -}}
# All that a process can write, but what it keeps in stores.
- name: temporary
  emptyDir: { sizeLimit: 256Mi }
- name: secrets
  projected:
    defaultMode: 0440
    sources:
{{- range $name, $where := .secrets }}
      - secret:
          name: {{ required "secrets.existingSecret: which Secret has the settings that are secrets?" (default $top.Values.secrets.existingSecret $where.secret) }}
          items: [{ key: {{ default $name $where.key | quote }}, path: {{ $name }} }]
{{- end }}
{{- with .top.Values.certificates.authorities }}
{{- if .existingConfigMap }}
- name: authorities
  configMap: { name: {{ .existingConfigMap }} }
{{- end }}
{{- end }}
{{- range $store := list "redis" "database" "nats" }}
{{- with (index $top.Values.certificates $store).existingSecret }}
- name: {{ $store }}-certificates
  secret: { secretName: {{ . }}, defaultMode: 0440 }
{{- end }}
{{- end }}
{{- if .role }}
{{- with .top.Values.providers.existingConfigMap }}
- name: providers
  configMap: { name: {{ . }} }
{{- end }}
{{- with .top.Values.providers.existingSecret }}
- name: provider-secrets
  secret: { secretName: {{ . }}, defaultMode: 0440 }
{{- end }}
{{- if eq .role "bank-files" }}
{{- with .top.Values.bankFiles.existingClaim }}
- name: bank-files
  persistentVolumeClaim: { claimName: {{ . }} }
{{- end }}
{{- end }}
{{- with concat .top.Values.pods.extraVolumes (default (list) $role.extraVolumes) }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* As the standard "restricted" of Kubernetes wants it, and by the user of the image. */ -}}
{{- define "atlaspay.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
# The files of secrets belong to this group.
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "atlaspay.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

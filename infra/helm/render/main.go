// Renders a Helm chart without Helm: with Go's text/template, the function library Sprig and the YAML library that Helm itself is made of,
// and the few functions that Helm adds. Tests use it (test/ops/rendered-chart.ts), since Helm's own program is in no package of Debian.
//
//	render CHART RELEASE NAMESPACE OPTIONS.json VALUES.yaml…
//
// OPTIONS.json has what a cluster and a command say: {"apiVersions": […], "kubeVersion": "…", "isUpgrade": false, "objects": […]}, the last of
// which are what the cluster has. Prints one JSON object: the text of each template by its path, or {"error": "…"} with status 1. Not
// done: dependencies, sorting, schemas, post-renderers.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"sigs.k8s.io/yaml"
)

type values = map[string]interface{}

// How deep a template may include itself, as in Helm: 1000.
const includesMax = 1000

func main() {
	rendered, err := render(os.Args[1:])
	if err != nil {
		rendered = map[string]string{"error": err.Error()}
	}
	if printing := json.NewEncoder(os.Stdout).Encode(rendered); printing != nil || err != nil {
		os.Exit(1)
	}
}

func render(args []string) (map[string]string, error) {
	if len(args) < 4 {
		return nil, errors.New("render CHART RELEASE NAMESPACE OPTIONS.json VALUES.yaml…")
	}
	chart, release, namespace, optionsFile := args[0], args[1], args[2], args[3]
	var options struct {
		APIVersions []string `json:"apiVersions"`
		KubeVersion string   `json:"kubeVersion"`
		IsUpgrade   bool     `json:"isUpgrade"`
		Objects     []values `json:"objects"`
	}
	if err := readYAML(optionsFile, &options); err != nil {
		return nil, err
	}
	metadata := values{}
	if err := readYAML(filepath.Join(chart, "Chart.yaml"), &metadata); err != nil {
		return nil, err
	}
	merged := values{}
	for _, file := range append([]string{filepath.Join(chart, "values.yaml")}, args[4:]...) {
		layer := values{}
		if err := readYAML(file, &layer); err != nil {
			return nil, err
		}
		merged = overlay(merged, layer)
	}
	files, err := readFiles(chart)
	if err != nil {
		return nil, err
	}
	top := values{
		"Values": merged,
		"Chart":  chartOf(metadata),
		"Release": values{
			"Name": release, "Namespace": namespace, "Service": "Helm", "Revision": 1,
			"IsInstall": !options.IsUpgrade, "IsUpgrade": options.IsUpgrade,
		},
		"Capabilities": values{"APIVersions": apiVersions(options.APIVersions), "KubeVersion": kubeVersion{options.KubeVersion}},
		"Files":        files,
	}
	return execute(chart, metadata["name"].(string), top, options.Objects)
}

// Helm gives the fields of Chart.yaml with a capital first letter.
func chartOf(metadata values) values {
	chart := values{}
	for name, value := range metadata {
		chart[strings.ToUpper(name[:1])+name[1:]] = value
	}
	return chart
}

// A later layer wins; null takes a value of an earlier one away, as in Helm.
func overlay(under, over values) values {
	result := values{}
	for name, value := range under {
		result[name] = value
	}
	for name, value := range over {
		upper, isMap := value.(values)
		lower, wasMap := result[name].(values)
		switch {
		case value == nil:
			delete(result, name)
		case isMap && wasMap:
			result[name] = overlay(lower, upper)
		default:
			result[name] = value
		}
	}
	return result
}

func execute(chart, name string, top values, objects []values) (map[string]string, error) {
	root := template.New("chart")
	// Helm: a key that is not there is empty, and prints nothing.
	root.Option("missingkey=zero")
	root.Funcs(functions(root, objects))
	texts := map[string]string{}
	folder := filepath.Join(chart, "templates")
	err := filepath.Walk(folder, func(file string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(chart, file)
		if err != nil {
			return err
		}
		place := path.Join(name, filepath.ToSlash(relative))
		texts[place] = string(text)
		_, err = root.New(place).Parse(string(text))
		return err
	})
	if err != nil {
		return nil, err
	}
	rendered := map[string]string{}
	for place := range texts {
		if strings.HasPrefix(path.Base(place), "_") {
			continue
		}
		data := values{"Template": values{"Name": place, "BasePath": path.Join(name, "templates")}}
		for key, value := range top {
			data[key] = value
		}
		var text bytes.Buffer
		if err := root.ExecuteTemplate(&text, place, data); err != nil {
			return nil, err
		}
		rendered[place] = strings.ReplaceAll(text.String(), "<no value>", "")
	}
	return rendered, nil
}

// Sprig without what reads the environment, and what Helm adds: engine/funcs.go and engine.go of Helm 3.
func functions(root *template.Template, objects []values) template.FuncMap {
	all := sprig.TxtFuncMap()
	delete(all, "env")
	delete(all, "expandenv")
	included := map[string]int{}
	own := template.FuncMap{
		"toYaml":        toYAML,
		"fromYaml":      fromYAML,
		"fromYamlArray": fromYAMLArray,
		"toJson":        func(value interface{}) string { text, _ := json.Marshal(value); return string(text) },
		"fromJson":      fromYAML,
		"lookup": func(apiVersion, kind, namespace, name string) values {
			for _, object := range objects {
				metadata := object["metadata"].(values)
				if object["apiVersion"] == apiVersion && object["kind"] == kind && metadata["namespace"] == namespace && metadata["name"] == name {
					return object
				}
			}
			return values{}
		},
		"required": func(message string, value interface{}) (interface{}, error) {
			if text, isText := value.(string); value == nil || (isText && text == "") {
				return value, errors.New(message)
			}
			return value, nil
		},
		"fail": func(message string) (string, error) { return "", errors.New(message) },
		"include": func(name string, data interface{}) (string, error) {
			if included[name]++; included[name] > includesMax {
				return "", fmt.Errorf("%s includes itself", name)
			}
			defer func() { included[name]-- }()
			var text bytes.Buffer
			err := root.ExecuteTemplate(&text, name, data)
			return text.String(), err
		},
		"tpl": func(text string, data interface{}) (string, error) {
			clone, err := root.Clone()
			if err != nil {
				return "", err
			}
			parsed, err := clone.New("tpl").Parse(text)
			if err != nil {
				return "", err
			}
			var result bytes.Buffer
			err = parsed.Execute(&result, data)
			return strings.ReplaceAll(result.String(), "<no value>", ""), err
		},
	}
	for name, function := range own {
		all[name] = function
	}
	return all
}

func toYAML(value interface{}) string {
	text, err := yaml.Marshal(value)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(text), "\n")
}

func fromYAML(text string) values {
	result := values{}
	if err := yaml.Unmarshal([]byte(text), &result); err != nil {
		result["Error"] = err.Error()
	}
	return result
}

func fromYAMLArray(text string) []interface{} {
	result := []interface{}{}
	if err := yaml.Unmarshal([]byte(text), &result); err != nil {
		result = []interface{}{err.Error()}
	}
	return result
}

type apiVersions []string

func (known apiVersions) Has(version string) bool {
	for _, one := range known {
		if one == version {
			return true
		}
	}
	return false
}

type kubeVersion struct{ Version string }

func (version kubeVersion) String() string { return version.Version }

// The files of the chart outside of its templates, as .Files gives them.
type files map[string][]byte

func (all files) Get(name string) string { return string(all[name]) }

func (all files) Glob(pattern string) files {
	found := files{}
	for name, content := range all {
		if fits, _ := path.Match(pattern, name); fits {
			found[name] = content
		}
	}
	return found
}

func (all files) AsConfig() string {
	data := map[string]string{}
	for name, content := range all {
		data[path.Base(name)] = string(content)
	}
	return toYAML(data)
}

func readFiles(chart string) (files, error) {
	found := files{}
	err := filepath.Walk(chart, func(file string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		relative, err := filepath.Rel(chart, file)
		if err != nil || strings.HasPrefix(relative, "templates") {
			return err
		}
		content, err := os.ReadFile(file)
		found[filepath.ToSlash(relative)] = content
		return err
	})
	return found, err
}

func readYAML(file string, target interface{}) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := yaml.UnmarshalStrict(text, target); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

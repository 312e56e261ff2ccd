// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// The text fields after email, in the order of the columns; custom is a JSON object.
var fields = []string{"first_name", "last_name", "company", "title", "phone", "website", "country", "custom"}

const custom = 7

type row struct {
	email string
	field [8]*string
}

type fault struct {
	line          int
	field, reason string
}

func fieldIndex(name string) int {
	for i, field := range fields[:custom] {
		if field == name {
			return i
		}
	}
	return -1
}

func normaliseName(name string) string {
	return strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(strings.TrimSpace(name)))
}

func hasControl(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] < 0x20 || text[i] == 0x7f {
			return true
		}
	}
	return false
}

// set stores one value; the reason is "" if the value is valid.
func (r *row) set(name, text string, others map[string]string) string {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return ""
	case len(text) > 2000:
		return "too_long"
	case !utf8.ValidString(text):
		return "invalid_utf8"
	case hasControl(text):
		return "control_character"
	case name == "email":
		r.email = strings.ToLower(text)
	default:
		if i := fieldIndex(name); i >= 0 {
			r.field[i] = &text
		} else {
			others[name] = text
		}
	}
	return ""
}

func (r *row) finish(others map[string]string) string {
	if len(others) > 0 {
		encoded, _ := json.Marshal(others)
		text := string(encoded)
		r.field[custom] = &text
	}
	at := strings.LastIndexByte(r.email, '@')
	if r.email == "" {
		return "missing"
	}
	if at < 1 || len(r.email) > 254 || !strings.Contains(r.email[at:], ".") || strings.ContainsAny(r.email, " \t") {
		return "invalid_email"
	}
	return ""
}

func readCSV(body io.Reader) (rows []row, faults []fault, err error) {
	reader := csv.NewReader(body)
	reader.ReuseRecord = true
	reader.FieldsPerRecord = -1
	header, err := reader.Read()
	if err != nil {
		return nil, nil, errors.New("a header row is expected")
	}
	names := make([]string, len(header))
	for i, name := range header {
		names[i] = normaliseName(name)
	}
	others := map[string]string{}
	for line := 2; ; line++ {
		record, err := reader.Read()
		if err == io.EOF {
			return rows, faults, nil
		}
		if err != nil || len(record) != len(names) {
			faults = append(faults, fault{line, "", "invalid_row"})
			continue
		}
		var r row
		bad, reason := "email", ""
		clear(others)
		for i := 0; i < len(record) && reason == ""; i++ {
			// the CSV reader reuses the record's memory
			if reason = r.set(names[i], strings.Clone(record[i]), others); reason != "" {
				bad = names[i]
			}
		}
		if reason == "" {
			reason = r.finish(others)
		}
		if reason != "" {
			faults = append(faults, fault{line, bad, reason})
		} else {
			rows = append(rows, r)
		}
	}
}

func readJSON(body io.Reader) (rows []row, faults []fault, err error) {
	var inputs []map[string]string
	if err := json.NewDecoder(body).Decode(&inputs); err != nil {
		return nil, nil, err
	}
	for i, input := range inputs {
		var r row
		bad, reason, others := "email", "", map[string]string{}
		for name, text := range input {
			if reason = r.set(normaliseName(name), text, others); reason != "" {
				bad = name
				break
			}
		}
		if reason == "" {
			reason = r.finish(others)
		}
		if reason != "" {
			faults = append(faults, fault{i + 1, bad, reason})
		} else {
			rows = append(rows, r)
		}
	}
	return rows, faults, nil
}

func readRows(r *http.Request) ([]row, []fault, error) {
	body := http.MaxBytesReader(nil, r.Body, 64<<20)
	if strings.HasPrefix(r.Header.Get("Content-Type"), "text/csv") {
		return readCSV(body)
	}
	return readJSON(body)
}

// merge joins rows with the same address: values of a later row replace earlier ones, as two upserts would.
func merge(rows []row) []row {
	at := make(map[string]int, len(rows))
	out := rows[:0:0]
	for _, r := range rows {
		i, found := at[r.email]
		if !found {
			at[r.email] = len(out)
			out = append(out, r)
			continue
		}
		for f, text := range r.field {
			if text != nil {
				out[i].field[f] = text
			}
		}
	}
	return out
}

// SPDX-License-Identifier: Apache-2.0

// Read delimited MetricFamily messages from standard input with Prometheus' own Go library, and write them as its text format.
// Built in GOPATH mode against Debian's golang-github-prometheus-common-dev.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

func main() {
	decoder := expfmt.NewDecoder(bufio.NewReader(os.Stdin), expfmt.FmtProtoDelim)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for {
		var family dto.MetricFamily
		err := decoder.Decode(&family)
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil {
			_, err = expfmt.MetricFamilyToText(out, &family)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "expfmt objects:", err)
			os.Exit(1)
		}
	}
}

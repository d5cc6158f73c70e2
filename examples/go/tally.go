// SPDX-License-Identifier: Apache-2.0
//
// Counts the words of the files named, a goroutine each, and prints the most
// frequent, ties by the alphabet. Go 1.21 or later (Debian 12: golang-1.23-go
// of bookworm-backports):
//
//	GOOS=wasip1 GOARCH=wasm go build -trimpath -ldflags="-s -w" -o tally.wasm tally.go
//	donjon run --dir ./data::/data:ro tally.wasm /data/a /data/b
package main

import (
	"bufio"
	"fmt"
	"os"
	"sort"
	"strings"
)

type result struct {
	counts map[string]int
	err    error
}

func count(name string, out chan<- result) {
	f, err := os.Open(name)
	if err != nil {
		out <- result{err: err}
		return
	}
	defer f.Close()
	counts := map[string]int{}
	words := bufio.NewScanner(f)
	words.Split(bufio.ScanWords)
	for words.Scan() {
		counts[strings.ToLower(words.Text())]++
	}
	out <- result{counts, words.Err()}
}

func main() {
	out := make(chan result)
	total := map[string]int{}
	for _, name := range os.Args[1:] {
		go count(name, out)
	}
	for range os.Args[1:] {
		r := <-out
		if r.err != nil {
			fmt.Fprintln(os.Stderr, r.err)
			os.Exit(1)
		}
		for w, n := range r.counts {
			total[w] += n
		}
	}
	words := make([]string, 0, len(total))
	for w := range total {
		words = append(words, w)
	}
	sort.Slice(words, func(i, k int) bool {
		a, b := words[i], words[k]
		if total[a] != total[b] {
			return total[a] > total[b]
		}
		return a < b
	})
	for i := 0; i < len(words) && i < 3; i++ {
		fmt.Println(total[words[i]], words[i])
	}
}

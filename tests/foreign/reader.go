// A reader of the log that shares nothing with ours: golang.org/x/mod/sumdb/note and …/tlog, which the Go team wrote for the
// checksum database, and which C2SP signed-note and tlog-tiles were written down from. Ours is only what fetches, and the two
// places where C2SP differs: a tile's path has no height, and the text's first line is the log's own origin.
//
//	reader URL VKEY [OLD-CHECKPOINT-FILE]
//
// Verifies the checkpoint's signature, every tile that it needs, every entry of the bundles against the root, every receipt
// of a sample, and that the checkpoint extends an older one. Exit status 1 with a sentence at the first thing that is wrong.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

var base string

func fail(format string, args ...interface{}) {
	fmt.Printf(format+"\n", args...)
	os.Exit(1)
}

func get(path string) []byte {
	reply, err := http.Get(base + path)
	if err != nil {
		fail("%s: %v", path, err)
	}
	defer reply.Body.Close()
	data, err := io.ReadAll(reply.Body)
	if err != nil || reply.StatusCode != 200 {
		fail("%s: %s %v", path, reply.Status, err)
	}
	return data
}

// Tiles, where tlog asks for them: "tile/8/L/N" is "tile/L/N" with C2SP.
type tiles struct{ read int }

func (t *tiles) Height() int                             { return height }
func (t *tiles) SaveTiles(list []tlog.Tile, data [][]byte) { t.read += len(list) }
func (t *tiles) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range list {
		all = append(all, get("/"+strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1)))
	}
	return all, nil
}

// The tree of a checkpoint that this key has signed.
func open(signed []byte, verifier note.Verifier) tlog.Tree {
	n, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		fail("checkpoint: %v", err)
	}
	origin, rest, _ := strings.Cut(n.Text, "\n")
	if origin != verifier.Name() {
		fail("checkpoint: of another log, %s", origin)
	}
	tree, err := tlog.ParseTree([]byte("go.sum database tree\n" + rest))
	if err != nil {
		fail("checkpoint: %v", err)
	}
	return tree
}

// Entry bundles: each entry behind its length of two bytes.
func entries(n int64) [][]byte {
	var all [][]byte
	for first := int64(0); first < n; first += 256 {
		tile := tlog.Tile{H: height, L: 0, N: first / 256, W: 256}
		if n-first < 256 {
			tile.W = int(n - first)
		}
		bundle := get("/" + strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/0/", height), "tile/entries/", 1))
		for len(bundle) >= 2 {
			size := int(binary.BigEndian.Uint16(bundle))
			if len(bundle) < 2+size {
				fail("the bundle at %d is cut", first)
			}
			all = append(all, bundle[2:2+size])
			bundle = bundle[2+size:]
		}
	}
	return all
}

// tlog-proof: index, path, checkpoint.
func receipt(i int64, entry []byte, verifier note.Verifier) {
	head, signed, _ := bytes.Cut(get(fmt.Sprintf("/v1/journal/entries/%d/receipt", i)), []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" || lines[1] != fmt.Sprintf("index %d", i) {
		fail("receipt %d: not a tlog-proof of it", i)
	}
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			fail("receipt %d: %v", i, err)
		}
		proof = append(proof, hash)
	}
	tree := open(signed, verifier)
	if err := tlog.CheckRecord(proof, tree.N, tree.Hash, i, tlog.RecordHash(entry)); err != nil {
		fail("receipt %d: %v", i, err)
	}
}

func main() {
	base = os.Args[1]
	verifier, err := note.NewVerifier(os.Args[2])
	if err != nil {
		fail("key: %v", err)
	}
	signed := get("/checkpoint")
	tree := open(signed, verifier)
	reader := &tiles{}
	hashes := tlog.TileHashReader(tree, reader)
	list := entries(tree.N)
	if int64(len(list)) != tree.N {
		fail("the bundles have %d entries, the tree %d", len(list), tree.N)
	}
	for i := int64(0); i < tree.N; i++ {
		proof, err := tlog.ProveRecord(tree.N, i, hashes)
		if err == nil {
			err = tlog.CheckRecord(proof, tree.N, tree.Hash, i, tlog.RecordHash(list[i]))
		}
		if err != nil {
			fail("entry %d: %v", i, err)
		}
	}
	for _, i := range []int64{0, 1, tree.N / 2, tree.N - 1} {
		receipt(i, list[i], verifier)
	}
	if len(os.Args) > 3 {
		kept, err := os.ReadFile(os.Args[3])
		if err != nil {
			fail("%v", err)
		}
		old := open(kept, verifier)
		proof, err := tlog.ProveTree(tree.N, old.N, hashes)
		if err == nil {
			err = tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash)
		}
		if err != nil {
			fail("it does not extend the checkpoint of %d entries: %v", old.N, err)
		}
		fmt.Printf("extends the checkpoint of %d entries\n", old.N)
	}
	fmt.Printf("%d entries under root %s, all of them checked, by %d tiles\n", tree.N, base64.StdEncoding.EncodeToString(tree.Hash[:]), reader.read)
}

module github.com/nfbind/nfbind/dropins/go-nfqueue

go 1.25

require github.com/nfbind/nfbind/bindings/go v0.1.0

// In this tree; whoever fetches the module gets the one that is required.
replace github.com/nfbind/nfbind/bindings/go => ../../bindings/go

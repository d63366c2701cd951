module github.com/nfbind/nfbind/bindings/go

go 1.25

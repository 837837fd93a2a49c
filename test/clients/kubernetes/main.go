// The program kubernetes asks an API server for its version, as kubectl does:
// client-go reads KUBECONFIG, and runs the program for credentials that stands
// there. It is a module of its own, since nothing else here needs client-go.
package main

import (
	"fmt"
	"os"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	if err := ask(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func ask() error {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	res, err := client.Get(config.Host + "/version")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	fmt.Println(res.Status)
	return nil
}
